# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_logcap_tui_global_optspecs
    string join \n docker= data-dir= config= include= exclude= label= listen= listen-public log-file= history= probe= h/help V/version
end

function __fish_logcap_tui_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_logcap_tui_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_logcap_tui_using_subcommand
    set -l cmd (__fish_logcap_tui_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c logcap-tui -n "__fish_logcap_tui_needs_command" -l docker -d 'Docker\'s address: <unix:///path>, tcp://host:port, or a socket\'s path' -r
complete -c logcap-tui -n "__fish_logcap_tui_needs_command" -l data-dir -d 'Where captured lines are kept' -r
complete -c logcap-tui -n "__fish_logcap_tui_needs_command" -l config -d 'The configuration file' -r -F
complete -c logcap-tui -n "__fish_logcap_tui_needs_command" -l include -d 'Capture only containers whose name or project/service matches (repeatable)' -r
complete -c logcap-tui -n "__fish_logcap_tui_needs_command" -l exclude -d 'Never capture containers whose name or project/service matches (repeatable)' -r
complete -c logcap-tui -n "__fish_logcap_tui_needs_command" -l label -d 'Capture only containers with this label (repeatable; all must hold)' -r
complete -c logcap-tui -n "__fish_logcap_tui_needs_command" -l listen -d 'Serve /health, /ready and /metrics, for example at 127.0.0.1:8401' -r
complete -c logcap-tui -n "__fish_logcap_tui_needs_command" -l log-file -d 'Append the program\'s own log to this file' -r
complete -c logcap-tui -n "__fish_logcap_tui_needs_command" -l history -d 'What to take of a log at first sight: auto, all, now, "tail N"' -r
complete -c logcap-tui -n "__fish_logcap_tui_needs_command" -l probe -d 'How often a quiet log must be proved quiet, 5s to 10m; all deadlines follow from it' -r
complete -c logcap-tui -n "__fish_logcap_tui_needs_command" -l listen-public -d 'Allow --listen beyond the loopback: names, states and counts are then public, never lines'
complete -c logcap-tui -n "__fish_logcap_tui_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c logcap-tui -n "__fish_logcap_tui_needs_command" -s V -l version -d 'Print version'
complete -c logcap-tui -n "__fish_logcap_tui_needs_command" -f -a "capture" -d 'Capture without a screen, until stopped or, with --once, until everything is stored'
complete -c logcap-tui -n "__fish_logcap_tui_needs_command" -f -a "search" -d 'Search everything ever captured, newest first'
complete -c logcap-tui -n "__fish_logcap_tui_needs_command" -f -a "status" -d 'Show monitors and store, from the running engine, else from the store'
complete -c logcap-tui -n "__fish_logcap_tui_needs_command" -f -a "demo" -d 'The dashboard on a simulated daemon: needs no Docker, and leaves nothing behind'
complete -c logcap-tui -n "__fish_logcap_tui_needs_command" -f -a "verify" -d 'Watch a running engine and fail unless every rule of capture holds in every sample'
complete -c logcap-tui -n "__fish_logcap_tui_needs_command" -f -a "config" -d 'Show, check or print the configuration'
complete -c logcap-tui -n "__fish_logcap_tui_needs_command" -f -a "completions" -d 'Print a shell\'s completion script'
complete -c logcap-tui -n "__fish_logcap_tui_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand capture" -l docker -d 'Docker\'s address: <unix:///path>, tcp://host:port, or a socket\'s path' -r
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand capture" -l data-dir -d 'Where captured lines are kept' -r
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand capture" -l config -d 'The configuration file' -r -F
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand capture" -l include -d 'Capture only containers whose name or project/service matches (repeatable)' -r
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand capture" -l exclude -d 'Never capture containers whose name or project/service matches (repeatable)' -r
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand capture" -l label -d 'Capture only containers with this label (repeatable; all must hold)' -r
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand capture" -l listen -d 'Serve /health, /ready and /metrics, for example at 127.0.0.1:8401' -r
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand capture" -l log-file -d 'Append the program\'s own log to this file' -r
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand capture" -l history -d 'What to take of a log at first sight: auto, all, now, "tail N"' -r
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand capture" -l probe -d 'How often a quiet log must be proved quiet, 5s to 10m; all deadlines follow from it' -r
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand capture" -l once -d 'Capture all there is, verify it, and exit with a summary (1 if there are gaps or failures)'
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand capture" -l json -d 'Print JSON: with --once one summary object, otherwise one object per event'
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand capture" -l listen-public -d 'Allow --listen beyond the loopback: names, states and counts are then public, never lines'
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand capture" -s h -l help -d 'Print help'
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand search" -s c -l container -d 'Only containers whose name matches (repeatable)' -r
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand search" -l since -d 'Only lines from here on: RFC 3339, 14:03, -15m, "yesterday 10:00"' -r
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand search" -l until -d 'Only lines up to here' -r
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand search" -l limit -d 'Print at most this many hits' -r
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand search" -l docker -d 'Docker\'s address: <unix:///path>, tcp://host:port, or a socket\'s path' -r
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand search" -l data-dir -d 'Where captured lines are kept' -r
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand search" -l config -d 'The configuration file' -r -F
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand search" -l include -d 'Capture only containers whose name or project/service matches (repeatable)' -r
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand search" -l exclude -d 'Never capture containers whose name or project/service matches (repeatable)' -r
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand search" -l label -d 'Capture only containers with this label (repeatable; all must hold)' -r
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand search" -l listen -d 'Serve /health, /ready and /metrics, for example at 127.0.0.1:8401' -r
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand search" -l log-file -d 'Append the program\'s own log to this file' -r
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand search" -l history -d 'What to take of a log at first sight: auto, all, now, "tail N"' -r
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand search" -l probe -d 'How often a quiet log must be proved quiet, 5s to 10m; all deadlines follow from it' -r
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand search" -l count -d 'Print the number of matching lines alone'
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand search" -l json -d 'Print one JSON object per hit: ts, container, `container_id`, stream, seq, level, line'
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand search" -l raw -d 'Print the lines\' bytes as captured, nothing else'
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand search" -l listen-public -d 'Allow --listen beyond the loopback: names, states and counts are then public, never lines'
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand search" -s h -l help -d 'Print help'
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand status" -l docker -d 'Docker\'s address: <unix:///path>, tcp://host:port, or a socket\'s path' -r
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand status" -l data-dir -d 'Where captured lines are kept' -r
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand status" -l config -d 'The configuration file' -r -F
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand status" -l include -d 'Capture only containers whose name or project/service matches (repeatable)' -r
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand status" -l exclude -d 'Never capture containers whose name or project/service matches (repeatable)' -r
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand status" -l label -d 'Capture only containers with this label (repeatable; all must hold)' -r
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand status" -l listen -d 'Serve /health, /ready and /metrics, for example at 127.0.0.1:8401' -r
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand status" -l log-file -d 'Append the program\'s own log to this file' -r
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand status" -l history -d 'What to take of a log at first sight: auto, all, now, "tail N"' -r
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand status" -l probe -d 'How often a quiet log must be proved quiet, 5s to 10m; all deadlines follow from it' -r
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand status" -l json -d 'Print the engine\'s snapshot as one JSON object'
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand status" -l listen-public -d 'Allow --listen beyond the loopback: names, states and counts are then public, never lines'
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand status" -s h -l help -d 'Print help'
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand demo" -l scenario -d 'Play this scenario instead of the town: tests/scenarios has one for each hazard' -r -F
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand demo" -l seed -d 'Another number, another life; the same number, the same lines' -r
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand demo" -l docker -d 'Docker\'s address: <unix:///path>, tcp://host:port, or a socket\'s path' -r
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand demo" -l data-dir -d 'Where captured lines are kept' -r
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand demo" -l config -d 'The configuration file' -r -F
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand demo" -l include -d 'Capture only containers whose name or project/service matches (repeatable)' -r
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand demo" -l exclude -d 'Never capture containers whose name or project/service matches (repeatable)' -r
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand demo" -l label -d 'Capture only containers with this label (repeatable; all must hold)' -r
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand demo" -l listen -d 'Serve /health, /ready and /metrics, for example at 127.0.0.1:8401' -r
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand demo" -l log-file -d 'Append the program\'s own log to this file' -r
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand demo" -l history -d 'What to take of a log at first sight: auto, all, now, "tail N"' -r
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand demo" -l probe -d 'How often a quiet log must be proved quiet, 5s to 10m; all deadlines follow from it' -r
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand demo" -l listen-public -d 'Allow --listen beyond the loopback: names, states and counts are then public, never lines'
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand demo" -s h -l help -d 'Print help'
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand verify" -l for -d 'How long to watch' -r
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand verify" -l docker -d 'Docker\'s address: <unix:///path>, tcp://host:port, or a socket\'s path' -r
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand verify" -l data-dir -d 'Where captured lines are kept' -r
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand verify" -l config -d 'The configuration file' -r -F
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand verify" -l include -d 'Capture only containers whose name or project/service matches (repeatable)' -r
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand verify" -l exclude -d 'Never capture containers whose name or project/service matches (repeatable)' -r
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand verify" -l label -d 'Capture only containers with this label (repeatable; all must hold)' -r
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand verify" -l listen -d 'Serve /health, /ready and /metrics, for example at 127.0.0.1:8401' -r
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand verify" -l log-file -d 'Append the program\'s own log to this file' -r
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand verify" -l history -d 'What to take of a log at first sight: auto, all, now, "tail N"' -r
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand verify" -l probe -d 'How often a quiet log must be proved quiet, 5s to 10m; all deadlines follow from it' -r
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand verify" -l allow-gaps -d 'Recorded gaps are no failure'
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand verify" -l json -d 'Print the report as one JSON object'
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand verify" -l control -d 'Break every rule on purpose, on a simulated daemon, and fail unless each is seen to fail'
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand verify" -l listen-public -d 'Allow --listen beyond the loopback: names, states and counts are then public, never lines'
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand verify" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand config; and not __fish_seen_subcommand_from show check default paths keys help" -l docker -d 'Docker\'s address: <unix:///path>, tcp://host:port, or a socket\'s path' -r
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand config; and not __fish_seen_subcommand_from show check default paths keys help" -l data-dir -d 'Where captured lines are kept' -r
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand config; and not __fish_seen_subcommand_from show check default paths keys help" -l config -d 'The configuration file' -r -F
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand config; and not __fish_seen_subcommand_from show check default paths keys help" -l include -d 'Capture only containers whose name or project/service matches (repeatable)' -r
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand config; and not __fish_seen_subcommand_from show check default paths keys help" -l exclude -d 'Never capture containers whose name or project/service matches (repeatable)' -r
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand config; and not __fish_seen_subcommand_from show check default paths keys help" -l label -d 'Capture only containers with this label (repeatable; all must hold)' -r
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand config; and not __fish_seen_subcommand_from show check default paths keys help" -l listen -d 'Serve /health, /ready and /metrics, for example at 127.0.0.1:8401' -r
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand config; and not __fish_seen_subcommand_from show check default paths keys help" -l log-file -d 'Append the program\'s own log to this file' -r
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand config; and not __fish_seen_subcommand_from show check default paths keys help" -l history -d 'What to take of a log at first sight: auto, all, now, "tail N"' -r
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand config; and not __fish_seen_subcommand_from show check default paths keys help" -l probe -d 'How often a quiet log must be proved quiet, 5s to 10m; all deadlines follow from it' -r
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand config; and not __fish_seen_subcommand_from show check default paths keys help" -l listen-public -d 'Allow --listen beyond the loopback: names, states and counts are then public, never lines'
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand config; and not __fish_seen_subcommand_from show check default paths keys help" -s h -l help -d 'Print help'
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand config; and not __fish_seen_subcommand_from show check default paths keys help" -f -a "show" -d 'Every key with its value and where it came from'
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand config; and not __fish_seen_subcommand_from show check default paths keys help" -f -a "check" -d 'Exit 0 if the configuration is valid, else print every mistake with its line'
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand config; and not __fish_seen_subcommand_from show check default paths keys help" -f -a "default" -d 'A commented file with every key at its default'
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand config; and not __fish_seen_subcommand_from show check default paths keys help" -f -a "paths" -d 'The files and directories in use'
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand config; and not __fish_seen_subcommand_from show check default paths keys help" -f -a "keys" -d 'Actions and the keys bound to them'
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand config; and not __fish_seen_subcommand_from show check default paths keys help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand config; and __fish_seen_subcommand_from show" -l docker -d 'Docker\'s address: <unix:///path>, tcp://host:port, or a socket\'s path' -r
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand config; and __fish_seen_subcommand_from show" -l data-dir -d 'Where captured lines are kept' -r
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand config; and __fish_seen_subcommand_from show" -l config -d 'The configuration file' -r -F
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand config; and __fish_seen_subcommand_from show" -l include -d 'Capture only containers whose name or project/service matches (repeatable)' -r
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand config; and __fish_seen_subcommand_from show" -l exclude -d 'Never capture containers whose name or project/service matches (repeatable)' -r
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand config; and __fish_seen_subcommand_from show" -l label -d 'Capture only containers with this label (repeatable; all must hold)' -r
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand config; and __fish_seen_subcommand_from show" -l listen -d 'Serve /health, /ready and /metrics, for example at 127.0.0.1:8401' -r
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand config; and __fish_seen_subcommand_from show" -l log-file -d 'Append the program\'s own log to this file' -r
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand config; and __fish_seen_subcommand_from show" -l history -d 'What to take of a log at first sight: auto, all, now, "tail N"' -r
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand config; and __fish_seen_subcommand_from show" -l probe -d 'How often a quiet log must be proved quiet, 5s to 10m; all deadlines follow from it' -r
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand config; and __fish_seen_subcommand_from show" -l listen-public -d 'Allow --listen beyond the loopback: names, states and counts are then public, never lines'
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand config; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help'
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand config; and __fish_seen_subcommand_from check" -l docker -d 'Docker\'s address: <unix:///path>, tcp://host:port, or a socket\'s path' -r
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand config; and __fish_seen_subcommand_from check" -l data-dir -d 'Where captured lines are kept' -r
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand config; and __fish_seen_subcommand_from check" -l config -d 'The configuration file' -r -F
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand config; and __fish_seen_subcommand_from check" -l include -d 'Capture only containers whose name or project/service matches (repeatable)' -r
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand config; and __fish_seen_subcommand_from check" -l exclude -d 'Never capture containers whose name or project/service matches (repeatable)' -r
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand config; and __fish_seen_subcommand_from check" -l label -d 'Capture only containers with this label (repeatable; all must hold)' -r
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand config; and __fish_seen_subcommand_from check" -l listen -d 'Serve /health, /ready and /metrics, for example at 127.0.0.1:8401' -r
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand config; and __fish_seen_subcommand_from check" -l log-file -d 'Append the program\'s own log to this file' -r
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand config; and __fish_seen_subcommand_from check" -l history -d 'What to take of a log at first sight: auto, all, now, "tail N"' -r
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand config; and __fish_seen_subcommand_from check" -l probe -d 'How often a quiet log must be proved quiet, 5s to 10m; all deadlines follow from it' -r
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand config; and __fish_seen_subcommand_from check" -l listen-public -d 'Allow --listen beyond the loopback: names, states and counts are then public, never lines'
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand config; and __fish_seen_subcommand_from check" -s h -l help -d 'Print help'
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand config; and __fish_seen_subcommand_from default" -l docker -d 'Docker\'s address: <unix:///path>, tcp://host:port, or a socket\'s path' -r
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand config; and __fish_seen_subcommand_from default" -l data-dir -d 'Where captured lines are kept' -r
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand config; and __fish_seen_subcommand_from default" -l config -d 'The configuration file' -r -F
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand config; and __fish_seen_subcommand_from default" -l include -d 'Capture only containers whose name or project/service matches (repeatable)' -r
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand config; and __fish_seen_subcommand_from default" -l exclude -d 'Never capture containers whose name or project/service matches (repeatable)' -r
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand config; and __fish_seen_subcommand_from default" -l label -d 'Capture only containers with this label (repeatable; all must hold)' -r
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand config; and __fish_seen_subcommand_from default" -l listen -d 'Serve /health, /ready and /metrics, for example at 127.0.0.1:8401' -r
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand config; and __fish_seen_subcommand_from default" -l log-file -d 'Append the program\'s own log to this file' -r
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand config; and __fish_seen_subcommand_from default" -l history -d 'What to take of a log at first sight: auto, all, now, "tail N"' -r
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand config; and __fish_seen_subcommand_from default" -l probe -d 'How often a quiet log must be proved quiet, 5s to 10m; all deadlines follow from it' -r
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand config; and __fish_seen_subcommand_from default" -l listen-public -d 'Allow --listen beyond the loopback: names, states and counts are then public, never lines'
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand config; and __fish_seen_subcommand_from default" -s h -l help -d 'Print help'
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand config; and __fish_seen_subcommand_from paths" -l docker -d 'Docker\'s address: <unix:///path>, tcp://host:port, or a socket\'s path' -r
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand config; and __fish_seen_subcommand_from paths" -l data-dir -d 'Where captured lines are kept' -r
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand config; and __fish_seen_subcommand_from paths" -l config -d 'The configuration file' -r -F
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand config; and __fish_seen_subcommand_from paths" -l include -d 'Capture only containers whose name or project/service matches (repeatable)' -r
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand config; and __fish_seen_subcommand_from paths" -l exclude -d 'Never capture containers whose name or project/service matches (repeatable)' -r
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand config; and __fish_seen_subcommand_from paths" -l label -d 'Capture only containers with this label (repeatable; all must hold)' -r
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand config; and __fish_seen_subcommand_from paths" -l listen -d 'Serve /health, /ready and /metrics, for example at 127.0.0.1:8401' -r
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand config; and __fish_seen_subcommand_from paths" -l log-file -d 'Append the program\'s own log to this file' -r
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand config; and __fish_seen_subcommand_from paths" -l history -d 'What to take of a log at first sight: auto, all, now, "tail N"' -r
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand config; and __fish_seen_subcommand_from paths" -l probe -d 'How often a quiet log must be proved quiet, 5s to 10m; all deadlines follow from it' -r
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand config; and __fish_seen_subcommand_from paths" -l listen-public -d 'Allow --listen beyond the loopback: names, states and counts are then public, never lines'
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand config; and __fish_seen_subcommand_from paths" -s h -l help -d 'Print help'
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand config; and __fish_seen_subcommand_from keys" -l docker -d 'Docker\'s address: <unix:///path>, tcp://host:port, or a socket\'s path' -r
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand config; and __fish_seen_subcommand_from keys" -l data-dir -d 'Where captured lines are kept' -r
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand config; and __fish_seen_subcommand_from keys" -l config -d 'The configuration file' -r -F
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand config; and __fish_seen_subcommand_from keys" -l include -d 'Capture only containers whose name or project/service matches (repeatable)' -r
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand config; and __fish_seen_subcommand_from keys" -l exclude -d 'Never capture containers whose name or project/service matches (repeatable)' -r
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand config; and __fish_seen_subcommand_from keys" -l label -d 'Capture only containers with this label (repeatable; all must hold)' -r
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand config; and __fish_seen_subcommand_from keys" -l listen -d 'Serve /health, /ready and /metrics, for example at 127.0.0.1:8401' -r
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand config; and __fish_seen_subcommand_from keys" -l log-file -d 'Append the program\'s own log to this file' -r
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand config; and __fish_seen_subcommand_from keys" -l history -d 'What to take of a log at first sight: auto, all, now, "tail N"' -r
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand config; and __fish_seen_subcommand_from keys" -l probe -d 'How often a quiet log must be proved quiet, 5s to 10m; all deadlines follow from it' -r
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand config; and __fish_seen_subcommand_from keys" -l listen-public -d 'Allow --listen beyond the loopback: names, states and counts are then public, never lines'
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand config; and __fish_seen_subcommand_from keys" -s h -l help -d 'Print help'
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand config; and __fish_seen_subcommand_from help" -f -a "show" -d 'Every key with its value and where it came from'
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand config; and __fish_seen_subcommand_from help" -f -a "check" -d 'Exit 0 if the configuration is valid, else print every mistake with its line'
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand config; and __fish_seen_subcommand_from help" -f -a "default" -d 'A commented file with every key at its default'
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand config; and __fish_seen_subcommand_from help" -f -a "paths" -d 'The files and directories in use'
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand config; and __fish_seen_subcommand_from help" -f -a "keys" -d 'Actions and the keys bound to them'
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand config; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand completions" -l docker -d 'Docker\'s address: <unix:///path>, tcp://host:port, or a socket\'s path' -r
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand completions" -l data-dir -d 'Where captured lines are kept' -r
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand completions" -l config -d 'The configuration file' -r -F
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand completions" -l include -d 'Capture only containers whose name or project/service matches (repeatable)' -r
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand completions" -l exclude -d 'Never capture containers whose name or project/service matches (repeatable)' -r
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand completions" -l label -d 'Capture only containers with this label (repeatable; all must hold)' -r
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand completions" -l listen -d 'Serve /health, /ready and /metrics, for example at 127.0.0.1:8401' -r
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand completions" -l log-file -d 'Append the program\'s own log to this file' -r
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand completions" -l history -d 'What to take of a log at first sight: auto, all, now, "tail N"' -r
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand completions" -l probe -d 'How often a quiet log must be proved quiet, 5s to 10m; all deadlines follow from it' -r
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand completions" -l listen-public -d 'Allow --listen beyond the loopback: names, states and counts are then public, never lines'
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand completions" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand help; and not __fish_seen_subcommand_from capture search status demo verify config completions help" -f -a "capture" -d 'Capture without a screen, until stopped or, with --once, until everything is stored'
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand help; and not __fish_seen_subcommand_from capture search status demo verify config completions help" -f -a "search" -d 'Search everything ever captured, newest first'
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand help; and not __fish_seen_subcommand_from capture search status demo verify config completions help" -f -a "status" -d 'Show monitors and store, from the running engine, else from the store'
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand help; and not __fish_seen_subcommand_from capture search status demo verify config completions help" -f -a "demo" -d 'The dashboard on a simulated daemon: needs no Docker, and leaves nothing behind'
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand help; and not __fish_seen_subcommand_from capture search status demo verify config completions help" -f -a "verify" -d 'Watch a running engine and fail unless every rule of capture holds in every sample'
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand help; and not __fish_seen_subcommand_from capture search status demo verify config completions help" -f -a "config" -d 'Show, check or print the configuration'
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand help; and not __fish_seen_subcommand_from capture search status demo verify config completions help" -f -a "completions" -d 'Print a shell\'s completion script'
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand help; and not __fish_seen_subcommand_from capture search status demo verify config completions help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand help; and __fish_seen_subcommand_from config" -f -a "show" -d 'Every key with its value and where it came from'
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand help; and __fish_seen_subcommand_from config" -f -a "check" -d 'Exit 0 if the configuration is valid, else print every mistake with its line'
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand help; and __fish_seen_subcommand_from config" -f -a "default" -d 'A commented file with every key at its default'
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand help; and __fish_seen_subcommand_from config" -f -a "paths" -d 'The files and directories in use'
complete -c logcap-tui -n "__fish_logcap_tui_using_subcommand help; and __fish_seen_subcommand_from config" -f -a "keys" -d 'Actions and the keys bound to them'
