//! Who is on the stage of the demo: the containers, how they are configured, how they live.

use super::voice::Voice;
use crate::sim::container::ContainerSpec;

/// How a container spends its days.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Life {
    /// Runs for ever.
    Steady,
    /// Is deployed anew every so many turns.
    Deployed { turns: (u64, u64) },
    /// Fails after so many turns, and its restart policy starts it again.
    CrashLoop { turns: (u64, u64) },
    /// `--rm`: ends after so many turns, and later another one comes.
    Job { turns: u64 },
}

/// One member of the cast.
#[derive(Debug, Clone)]
pub(super) struct Role {
    pub(super) spec: ContainerSpec,
    pub(super) voice: Voice,
    /// Pause between two turns, in milliseconds.
    pub(super) pace: (u64, u64),
    pub(super) life: Life,
}

/// Container names that faults are aimed at.
pub(super) const WEB: &str = "shop-web-1";
pub(super) const DATABASE: &str = "shop-db-1";
pub(super) const WORKER: &str = "shop-worker-1";
pub(super) const EDGE: &str = "cdn-edge-1";
pub(super) const AUTH: &str = "auth";
pub(super) const CHAT: &str = "chat";

fn plain(name: &str, image: &str) -> ContainerSpec {
    ContainerSpec::named(name).image(image)
}

/// A container as compose makes it.
fn composed(project: &str, service: &str, number: u32, image: &str) -> ContainerSpec {
    plain(&format!("{project}-{service}-{number}"), image)
        .label("com.docker.compose.project", project)
        .label("com.docker.compose.service", service)
        .label("com.docker.compose.container-number", &number.to_string())
}

/// Everybody, in the order of creation.
pub(super) fn cast() -> Vec<Role> {
    let role = |spec, voice, pace, life| Role { spec, voice, pace, life };
    let steady = Life::Steady;
    vec![
        role(
            composed("shop", "db", 1, "postgres:16-alpine"),
            Voice::Database,
            (500, 6_000),
            steady,
        ),
        role(
            composed("shop", "web", 1, "shop/web:4.2").rotating("5m", 3),
            Voice::Web,
            (40, 900),
            steady,
        ),
        role(
            composed("shop", "web", 2, "shop/web:4.2").rotating("5m", 3),
            Voice::Web,
            (60, 1_500),
            Life::Deployed { turns: (90, 160) },
        ),
        role(composed("shop", "worker", 1, "shop/worker:4.2"), Voice::Worker, (200, 2_500), steady),
        role(
            composed("shop", "cron", 1, "alpine:3.20").driver("local"),
            Voice::Cron,
            (9_000, 30_000),
            steady,
        ),
        role(
            composed("cdn", "edge", 1, "cdn/edge:1.9").rotating("48k", 2),
            Voice::Edge,
            (10, 70),
            steady,
        ),
        role(
            composed("metrics", "collector", 1, "collector:2.14").rotating("10m", 2),
            Voice::Collector,
            (200, 1_800),
            steady,
        ),
        role(plain(AUTH, "auth/server:0.19"), Voice::Auth, (150, 2_200), steady),
        role(plain(CHAT, "chat:latest"), Voice::Chat, (600, 4_000), steady),
        role(plain("game-cellar", "game/cellar:1").tty(), Voice::Game, (500, 3_000), steady),
        role(
            plain("billing-webhook", "billing/webhook:0.3"),
            Voice::Webhook,
            (300, 1_500),
            Life::CrashLoop { turns: (3, 7) },
        ),
        role(plain("vault", "vault:1.17"), Voice::Vault, (60_000, 90_000), steady),
        role(plain("legacy-fax", "fax:2003").driver("none"), Voice::Chat, (2_000, 9_000), steady),
        role(
            plain("migrate", "shop/migrate:4.2").auto_remove(),
            Voice::Migration,
            (400, 1_600),
            Life::Job { turns: 18 },
        ),
    ]
}
