//! What an operator may write, and what is answered, as sentences.

use std::ffi::OsString;
use std::io;
use std::path::Path;

use super::*;

/// Loads with these flags, variables and, as `kinring.toml`, this file.
fn launch(flags: &[&str], env: &[(&str, &str)], file: &str) -> Result<Launch, ConfigError> {
    let env = variables(env);
    let read = |path: &Path| match path.to_str() {
        Some("kinring.toml") => Ok(file.to_owned()),
        _ => Err(io::Error::from(io::ErrorKind::NotFound)),
    };
    Config::load(flags.iter().map(OsString::from), &env, &read)
}

fn variables(env: &[(&str, &str)]) -> Variables {
    env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn run(flags: &[&str], env: &[(&str, &str)], file: &str) -> Config {
    match launch(flags, env, file) {
        Ok(Launch::Run(config)) => *config,
        other => panic!("expected a configuration, not {other:?}"),
    }
}

fn flags(flags: &[&str]) -> Config {
    run(flags, &[], "")
}

fn file(text: &str) -> Config {
    run(&["--config", "kinring.toml"], &[], text)
}

fn error(flags: &[&str], env: &[(&str, &str)], file: &str) -> String {
    let line = launch(flags, env, file).expect_err("an error").to_string();
    assert!(!line.contains('\n'), "an error is one line: {line}");
    line
}

fn flag_error(flags: &[&str]) -> String {
    error(flags, &[], "")
}

fn file_error(text: &str) -> String {
    error(&["--config", "kinring.toml"], &[], text)
}

mod table {
    use super::*;

    #[test]
    fn names_are_unique_and_sorted() {
        assert!(TABLE.windows(2).all(|pair| pair[0].name < pair[1].name));
    }

    #[test]
    fn what_is_shown_is_accepted_again_and_changes_nothing() {
        let config = flags(&["--bind", "*", "-::1", "--io-threads", "3", "--requirepass", "p"]);
        let mut copy = config.clone();
        for param in TABLE {
            param.put(&mut copy, &param.show(&config)).unwrap();
        }
        assert_eq!(copy, config);
    }

    #[test]
    fn every_parameter_is_a_flag_a_variable_a_key_and_in_the_help() {
        let Ok(Launch::Help(help)) = launch(&["--help"], &[], "") else { panic!("help") };
        for param in TABLE {
            let shown = param.show(&Config::default());
            assert!(help.contains(&format!("--{}", param.name)), "{}", param.name);
            assert_eq!(flags(&[&format!("--{}", param.name), &shown]), Config::default());
            assert_eq!(run(&[], &[(&param.variable(), &shown)], ""), Config::default());
            let bare = ["false", "true"].contains(&shown.as_str()) || shown.parse::<i64>().is_ok();
            let value = if bare { shown } else { format!("'{shown}'") };
            let mut from_file = file(&format!("{} = {value}", param.name));
            from_file.file = None;
            assert_eq!(from_file, Config::default());
        }
    }
}

mod precedence {
    use super::*;

    const FILE: &str = "port = 1\ntimeout = 1\nmaxclients = 1";

    #[test]
    fn a_flag_beats_the_environment_and_that_beats_the_file_and_that_the_default() {
        let config = run(
            &["--config", "kinring.toml", "--port", "3"],
            &[("KINRING_PORT", "2"), ("KINRING_TIMEOUT", "2")],
            FILE,
        );
        let read = (config.port, config.timeout_s, config.maxclients, config.databases);
        assert_eq!(read, (3, 2, 1, 16));
    }

    #[test]
    fn the_file_may_be_named_by_the_environment() {
        assert_eq!(run(&[], &[("KINRING_CONFIG", "kinring.toml")], FILE).port, 1);
    }

    #[test]
    fn an_empty_variable_counts_as_not_set() {
        let config = run(
            &["--config", "kinring.toml"],
            &[("KINRING_REQUIREPASS", "")],
            "requirepass = 'secret'",
        );
        assert!(config.requirepass.is_set());
    }

    #[test]
    fn the_last_of_a_repeated_flag_wins() {
        assert_eq!(flags(&["--port", "1", "--port=2"]).port, 2);
    }

    #[test]
    fn a_wrong_value_is_an_error_even_where_a_stronger_source_decides() {
        assert!(error(&["--port", "1"], &[("KINRING_PORT", "x")], "").contains("KINRING_PORT"));
    }
}

mod values {
    use super::*;

    #[test]
    fn the_defaults_are_those_of_the_documentation() {
        let config = flags(&[]);
        assert_eq!((config.port, config.bind.as_slice()), (6379, &[BindAddr::LOOPBACK][..]));
        assert_eq!(config.proto_max_bulk_len_bytes, 512 << 20);
        assert_eq!(config.client_query_buffer_limit_bytes, 1 << 30);
        assert_eq!(config.io_threads, IoThreads::Auto);
        assert_eq!(
            config.client_output_buffer_limit.to_string(),
            "normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60"
        );
    }

    #[test]
    fn addresses_come_in_one_word_in_several_or_in_several_flags() {
        let both = flags(&["--bind", "127.0.0.1 ::1"]).bind;
        assert_eq!(both.len(), 2);
        assert_eq!(flags(&["--bind", "127.0.0.1", "::1", "--port", "1"]).bind, both);
        assert_eq!(flags(&["--bind", "127.0.0.1", "--bind", "::1"]).bind, both);
        assert_eq!(file("bind = '127.0.0.1 ::1'").bind, both);
        assert_eq!(file("bind = ['127.0.0.1', '::1']").bind, both);
    }

    #[test]
    fn an_address_with_a_minus_may_be_missing_from_the_machine() {
        let bind = flags(&["--bind", "* -::*"]).bind;
        assert_eq!((bind[0].optional, bind[1].optional), (false, true));
        assert!(bind.iter().all(|address| address.ip.is_unspecified()));
    }

    #[test]
    fn a_number_is_read_as_strictly_as_redis_reads_it() {
        for text in ["01", "+1", "-0", " 1", "1 ", "", "1.0", "0x1", "99999999999999999999"] {
            assert_eq!(value::integer(text), Err(ValueError::NotInteger), "{text:?}");
        }
        for (text, number) in [("0", 0), ("-1", -1), ("65536", 65536)] {
            assert_eq!(value::integer(text), Ok(number));
        }
    }

    #[test]
    fn memory_sizes_take_the_units_of_redis_in_any_case() {
        let sizes = [
            ("1", 1),
            ("1b", 1),
            ("1k", 1000),
            ("1KB", 1024),
            ("1m", 1_000_000),
            ("1Mb", 1 << 20),
            ("1g", 1_000_000_000),
            ("1gB", 1 << 30),
            ("99999999999999999999gb", u64::MAX),
        ];
        for (text, bytes) in sizes {
            assert_eq!(value::memory_bytes(text), Ok(bytes), "{text}");
        }
        for text in ["-1", "1tb", "1.5mb", "1 mb", "0x10", "x"] {
            assert_eq!(value::memory_bytes(text), Err(ValueError::NotMemory), "{text}");
        }
    }

    #[test]
    fn a_group_of_buffer_limits_leaves_the_other_classes_alone() {
        let config = flags(&["--client-output-buffer-limit", "replica", "1mb", "2k", "5"]);
        assert_eq!(
            config.client_output_buffer_limit.to_string(),
            "normal 0 0 0 slave 1048576 2000 5 pubsub 33554432 8388608 60"
        );
    }

    #[test]
    fn a_level_prints_itself_and_what_is_graver() {
        assert_eq!(flags(&["--loglevel", "Verbose"]).loglevel, LogLevel::Verbose);
        assert_eq!(flags(&["--loglevel", "nothing"]).loglevel, LogLevel::Nothing);
    }

    #[test]
    fn a_password_matches_itself_alone() {
        let password = Password::new("secret");
        assert!(password.matches(b"secret"));
        for wrong in [&b""[..], b"secre", b"secret\0", b"Secret", b"secretsecret"] {
            assert!(!password.matches(wrong), "{wrong:?}");
        }
        assert!(!Password::default().matches(b""));
    }

    #[test]
    fn a_password_is_never_in_debug_output() {
        assert!(!format!("{:?}", flags(&["--requirepass", "hunter2"])).contains("hunter2"));
    }
}

mod mistakes {
    use super::*;

    #[test]
    fn a_flag_with_a_wrong_value_says_what_is_right() {
        let cases: &[(&[&str], &str)] = &[
            (&["--port", "99999"], "--port: '99999' is not a port (0 to 65535)"),
            (&["--port", "-1"], "--port: '-1' is not a port (0 to 65535)"),
            (&["--port="], "--port: '' is not a port (0 to 65535)"),
            (
                &["--maxclients", "0"],
                "--maxclients: '0' is not a number of clients (1 to 4294967295)",
            ),
            (&["--protected-mode", "maybe"], "--protected-mode: 'maybe' is not yes or no"),
            (
                &["--proto-max-bulk-len", "1"],
                "--proto-max-bulk-len: '1' is not a memory size (1mb or more, as 512mb or 1gb)",
            ),
            (
                &["--loglevel", "loud"],
                "--loglevel: 'loud' is not a log level (debug, verbose, notice, warning, nothing)",
            ),
            (
                &["--io-threads", "0"],
                "--io-threads: '0' is not 'auto' or a number of threads (1 to 128)",
            ),
            (
                &["--bind", "127.0.0.1", "localhost"],
                "--bind: '127.0.0.1 localhost' is not a list of IP addresses: 'localhost' is not \
                 an IP address",
            ),
            (
                &["--data-dir", "/data"],
                "--data-dir: '/data' is not possible: durability is not built into this version, \
                 leave it empty",
            ),
            (
                &["--appendonly", "yes"],
                "--appendonly: 'yes' is not possible: durability is not built into this version, \
                 leave it 'no'",
            ),
            (
                &["--save", "900", "1"],
                "--save: '900 1' is not possible: this version takes no snapshots, leave it empty",
            ),
            (
                &["--maxmemory", "1gb"],
                "--maxmemory: '1gb' is not possible: this version sets no limit, leave it 0",
            ),
        ];
        for (flags, line) in cases {
            assert_eq!(flag_error(flags), *line);
        }
    }

    #[test]
    fn no_snapshots_is_said_in_every_way_that_redis_has() {
        for written in ["save = []", "save = ''", "save = ['']"] {
            assert_eq!(Param::find("save").unwrap().show(&file(written)), "");
        }
        for given in [&["--save", ""][..], &["--save="], &["--save", "", "--save", ""]] {
            flags(given);
        }
        let line = "kinring.toml: line 1: save: '900 1' is not possible: this version takes no \
                    snapshots, leave it empty";
        for written in ["save = '900 1'", "save = ['900 1']", "save = ['900', '1']"] {
            assert_eq!(file_error(written), line);
        }
    }

    #[test]
    fn an_unknown_word_on_the_command_line_is_named() {
        assert_eq!(flag_error(&["--prot", "1"]), "--prot: unknown flag, did you mean '--port'?");
        assert_eq!(flag_error(&["--tcp_backlog=1"]).split(':').next(), Some("--tcp_backlog"));
        assert_eq!(
            flag_error(&["--nonsense"]),
            "--nonsense: unknown flag, 'kinring --help' lists them all"
        );
        assert_eq!(flag_error(&["-x"]), "-x: unknown flag, 'kinring --help' lists them all");
        assert!(flag_error(&["redis.conf"]).starts_with("redis.conf: unexpected word"));
    }

    #[test]
    fn a_flag_without_a_value_is_named() {
        for flags in [&["--port"][..], &["--port", "--timeout", "1"], &["--bind", "--port", "1"]] {
            let line = flag_error(flags);
            assert!(line.starts_with(flags[0]) && line.contains("needs a value"), "{line}");
        }
    }

    #[test]
    fn a_password_that_looks_like_a_flag_is_not_echoed() {
        assert!(!flag_error(&["--requirepas=hunter2"]).contains("hunter2"));
        assert!(!flag_error(&["--requirepass", "-hunter2"]).contains("hunter2"));
    }

    #[test]
    fn a_variable_with_a_wrong_value_is_named() {
        assert_eq!(
            error(&[], &[("KINRING_TCP_KEEPALIVE", "x")], ""),
            "KINRING_TCP_KEEPALIVE: 'x' is not a number of seconds (0 to 2147483647)"
        );
    }

    #[test]
    fn a_mistyped_variable_is_named_with_what_was_meant() {
        for (name, meant) in [
            ("KINRING_PRT", "KINRING_PORT"),
            ("KINRING_port", "KINRING_PORT"),
            ("KINRING_REQUIRE_PASS", "KINRING_REQUIREPASS"),
            ("KINRING_TCPKEEPALIVE", "KINRING_TCP_KEEPALIVE"),
            ("KINRING_CONFG", "KINRING_CONFIG"),
        ] {
            let line = format!("{name}: unknown variable, did you mean '{meant}'?");
            assert_eq!(error(&[], &[(name, "1")], ""), line);
            assert_eq!(run(&[], &[(name, "")], ""), Config::default(), "an empty one is not set");
        }
    }

    #[test]
    fn variables_of_others_with_our_prefix_are_told_and_set_nothing() {
        let env = [
            ("KINRING_SERVICE_HOST", "10.0.0.1"),
            ("KINRING_SEED", "7"),
            ("KINRING_COMMANDS", ""),
            ("KINRING_PORT", "1"),
        ];
        assert_eq!(run(&[], &env, "").port, 1);
        let line = "these environment variables set no option: KINRING_SEED, KINRING_SERVICE_HOST";
        assert_eq!(unused_variables(&variables(&env)).as_deref(), Some(line));
        assert_eq!(unused_variables(&variables(&env[2..])), None);
    }

    #[test]
    fn a_mistake_in_the_file_has_its_line() {
        let cases = [
            ("\n\nprot = 1", "line 3: unknown key 'prot', did you mean 'port'?"),
            (
                "timeout = 1\n[server]\nport = 1",
                "line 2: unknown key 'server', 'kinring --help' lists them all",
            ),
            ("tcp_backlog = 1", "line 1: unknown key 'tcp_backlog', did you mean 'tcp-backlog'?"),
            ("port = '6379'", "line 1: 'port' wants a whole number, not a string"),
            ("port = 6379.5", "line 1: 'port' wants a whole number, not a fraction"),
            (
                "protected-mode = 1",
                "line 1: 'protected-mode' wants true or false, not a whole number",
            ),
            ("port = 99999", "line 1: port: '99999' is not a port (0 to 65535)"),
            (
                "# ä\nbind = [1]",
                "line 2: 'bind' wants a string or an array of strings, not such an array",
            ),
        ];
        for (text, line) in cases {
            assert_eq!(file_error(text), format!("kinring.toml: {line}"));
        }
    }

    #[test]
    fn a_file_that_is_not_toml_has_the_line_where_it_ends_to_be() {
        for text in ["port = 1\ntimeout 5", "port = 1\nport = 2", "port = 1\nrequirepass = 'x"] {
            let line = file_error(text);
            assert!(line.starts_with("kinring.toml: line 2: not TOML: "), "{line}");
        }
    }

    #[test]
    fn the_first_mistake_in_the_file_is_the_one_reported() {
        assert!(file_error("zzz = 1\nport = 'x'").contains("line 1: unknown key 'zzz'"));
    }

    #[test]
    fn a_file_that_cannot_be_read_is_named() {
        let line = flag_error(&["--config", "no.toml"]);
        assert!(line.starts_with("no.toml: cannot be read: "), "{line}");
        assert!(line.ends_with("; give the path of a readable TOML file"), "{line}");
    }

    #[test]
    fn what_is_echoed_is_short_and_printable() {
        let line = flag_error(&["--port", &format!("\n\x1b{}", "9".repeat(1000))]);
        assert!(
            line.len() < 200 && line.contains("\\n\\u{1b}99") && line.contains("..."),
            "{line}"
        );
    }
}

mod questions {
    use super::*;

    #[test]
    fn help_and_version_are_text_for_stdout() {
        assert!(matches!(launch(&["-h"], &[], ""), Ok(Launch::Help(_))));
        for flag in ["--version", "-v", "-V"] {
            let Ok(Launch::Version(text)) = launch(&[flag], &[], "") else { panic!("{flag}") };
            assert_eq!(text.trim(), concat!("kinring ", env!("CARGO_PKG_VERSION")));
        }
    }
}

mod protected_mode {
    use super::*;

    fn denies(flags_given: &[&str], peer: &str) -> bool {
        flags(flags_given).denies(peer.parse().unwrap())
    }

    #[test]
    fn a_stranger_is_denied_until_there_is_a_password_or_the_mode_is_off() {
        assert!(denies(&["--bind", "*"], "192.0.2.1"));
        assert!(denies(&["--bind", "*"], "2001:db8::1"));
        assert!(!denies(&["--bind", "*", "--requirepass", "p"], "192.0.2.1"));
        assert!(!denies(&["--bind", "*", "--protected-mode", "no"], "192.0.2.1"));
    }

    #[test]
    fn this_machine_is_never_denied() {
        for peer in ["127.0.0.1", "127.1.2.3", "::1", "::ffff:127.0.0.1"] {
            assert!(!denies(&[], peer), "{peer}");
        }
    }
}
