//! Who we are when we run in a container ourselves: capturing our own output would feed on itself.
//!
//! Pure: the caller passes `/proc/self/mountinfo`, `/proc/self/cgroup` and the host name. Only a
//! full id counts, because the key of everything is the full id.

use crate::model::ContainerId;

const ID: usize = 64;

/// Files that a daemon mounts into each container from the container's own folder. Other mounts
/// of such folders are seen on the host itself, where they belong to other containers.
const OWN_FILES: [&str; 3] = ["/etc/hostname", "/etc/hosts", "/etc/resolv.conf"];

/// The id of the container that this process runs in, if it does and it shows.
pub fn own_container_id(mountinfo: &str, cgroup: &str, hostname: &str) -> Option<ContainerId> {
    let mounts = mountinfo.lines().filter_map(id_in_mount);
    let groups = cgroup.lines().filter_map(id_in_text);
    let found: Vec<&str> = mounts.chain(groups).collect();
    let named = |id: &&&str| hostname.len() >= 12 && id.starts_with(hostname.trim());
    let id = found.iter().find(named).or_else(|| found.first())?;
    ContainerId::new(*id).ok()
}

/// `36 35 98:0 /var/lib/docker/containers/ID/hostname /etc/hostname rw ...`
fn id_in_mount(line: &str) -> Option<&str> {
    let mut fields = line.split(' ').skip(3);
    let (root, target) = (fields.next()?, fields.next()?);
    let own = OWN_FILES.contains(&target) && root.contains("containers/");
    own.then(|| id_in_text(root)).flatten()
}

/// The last run of exactly 64 hexadecimal digits.
fn id_in_text(text: &str) -> Option<&str> {
    let hex = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
    text.rsplit(|c| !hex(c)).find(|word| word.len() == ID)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(digit: char) -> String {
        digit.to_string().repeat(ID)
    }

    #[test]
    fn docker_on_cgroup_v1_and_v2_and_podman() {
        let a = id('a');
        let mount = format!(
            "1 2 8:1 / / rw - ext4 /dev/sda1 rw\n3 2 8:1 /var/lib/docker/containers/{a}/hostname /etc/hostname rw - ext4 /dev/sda1 rw"
        );
        assert_eq!(own_container_id(&mount, "0::/", "web").unwrap().as_str(), a);
        let podman = format!(
            "3 2 0:9 /containers/overlay-containers/{a}/userdata/hosts /etc/hosts rw - tmpfs tmpfs rw"
        );
        assert_eq!(own_container_id(&podman, "0::/", "").unwrap().as_str(), a);
        for group in [format!("12:cpu:/docker/{a}"), format!("0::/x.slice/docker-{a}.scope")] {
            assert_eq!(own_container_id("", &group, "").unwrap().as_str(), a);
        }
    }

    #[test]
    fn the_host_name_decides_between_two() {
        let group =
            format!("1:cpu:/docker/{}/docker/{}\n2:pids:/docker/{}", id('a'), id('b'), id('c'));
        assert_eq!(own_container_id("", &group, "cccccccccccc").unwrap().as_str(), id('c'));
        assert_eq!(own_container_id("", &group, "web").unwrap().as_str(), id('b'));
    }

    #[test]
    fn the_host_sees_other_containers_mounts_and_is_none_of_them() {
        let mount = format!(
            "3 2 8:1 /var/lib/docker/containers/{0}/mounts/shm /var/lib/docker/containers/{0}/mounts/shm rw",
            id('a')
        );
        assert_eq!(own_container_id(&mount, "0::/init.scope", "aaaaaaaaaaaa"), None);
    }
}
