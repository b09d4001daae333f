//! The program as people run it, without a hub: what it makes, what it refuses, how it ends.

#[cfg(test)]
mod program {
    use std::path::Path;
    use std::process::{Command, Output};

    fn admin(arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_careplan-admin"))
            .args(arguments)
            .env_remove("CAREPLAN_ADMIN_HOME")
            .env_remove("CAREPLAN_ADMIN_HUB")
            .env("XDG_CONFIG_HOME", "/nowhere")
            .output()
            .unwrap()
    }

    fn init(folder: &Path, more: &[&str]) -> Output {
        let folder = folder.to_str().unwrap();
        let fixed = ["init", "--dir", folder, "--hostname", "hub.example.jp,localhost", "--ip", "127.0.0.1"];
        admin(&[&fixed[..], more].concat())
    }

    fn text(output: &Output) -> String {
        String::from_utf8_lossy(&[output.stdout.clone(), output.stderr.clone()].concat()).into_owned()
    }

    fn read(folder: &Path, file: &str) -> String {
        std::fs::read_to_string(folder.join(file)).unwrap()
    }

    #[test]
    fn init_makes_a_hub_and_an_operator_and_never_overwrites() {
        let folder = tempfile::tempdir().unwrap();
        let made = init(folder.path(), &["--operator", "Hanako \"H\" Yamada", "--json"]);
        assert_eq!(made.status.code(), Some(0), "{}", text(&made));
        let made: serde_json::Value = serde_json::from_slice(&made.stdout).unwrap();
        assert_eq!(made["hub"], "https://hub.example.jp:8443");

        let configuration: toml::Table = read(folder.path(), "hub/hub.toml").parse().unwrap();
        let operator = &configuration["operators"][0];
        assert_eq!(operator["fingerprint"].as_str(), made["operator_fingerprint"].as_str());
        assert_eq!(operator["name"].as_str(), Some("Hanako \"H\" Yamada"));
        let facts = careplan_certs::reading::certificate(read(folder.path(), "hub/tls/hub.crt").as_bytes()).unwrap();
        assert_eq!(facts.names, ["hub.example.jp", "localhost", "127.0.0.1"]);
        assert!(facts.server);
        assert_eq!(read(folder.path(), "hub/keys/master.key").trim().len(), 64);
        assert_eq!(read(folder.path(), "hub/tls/ca.crt"), read(folder.path(), "operator/ca/ca.crt"));
        assert_eq!(read(folder.path(), "operator/ca/issued.jsonl").lines().count(), 2);
        assert!(!folder.path().join(".new").exists());

        let before = read(folder.path(), "hub/keys/master.key");
        let again = init(folder.path(), &[]);
        assert_eq!(again.status.code(), Some(1), "{}", text(&again));
        assert!(text(&again).contains("never overwrites"));
        assert_eq!(read(folder.path(), "hub/keys/master.key"), before);
    }

    #[test]
    #[cfg(unix)]
    fn init_makes_both_folders_or_none_and_says_how_to_end_what_was_cut_off() {
        for taken in ["hub", "operator"] {
            let folder = tempfile::tempdir().unwrap();
            // Nothing can be put in the place of a link to nowhere.
            std::os::unix::fs::symlink("/nowhere/at/all", folder.path().join(taken)).unwrap();
            let said = init(folder.path(), &[]);
            assert_eq!(said.status.code(), Some(1), "{}", text(&said));
            let left: Vec<_> =
                std::fs::read_dir(folder.path()).unwrap().map(|left| left.unwrap().file_name()).collect();
            assert_eq!(left, [taken]);
        }
        let folder = tempfile::tempdir().unwrap();
        assert!(init(folder.path(), &[]).status.success());
        let (waiting, operator) = (folder.path().join(".new/operator"), folder.path().join("operator"));
        std::fs::create_dir(folder.path().join(".new")).unwrap();
        std::fs::rename(&operator, &waiting).unwrap();
        let said = init(folder.path(), &[]);
        assert_eq!(said.status.code(), Some(1), "{}", text(&said));
        assert!(text(&said).contains(&format!("mv {} {}", waiting.display(), operator.display())), "{}", text(&said));
        assert!(waiting.join("ca/ca.key").is_file());
    }

    #[test]
    #[cfg(unix)]
    fn what_init_makes_secret_is_readable_by_its_owner_only() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        assert!(init(folder.path(), &[]).status.success());
        let mode = |file: &str| std::fs::metadata(folder.path().join(file)).unwrap().permissions().mode() & 0o777;
        for secret in [
            "hub/keys/master.key",
            "hub/keys/receipt.key",
            "hub/tls/hub.key",
            "operator/ca/ca.key",
            "operator/operator.key",
            "operator/operator.p12",
            "operator/operator.p12.passphrase",
        ] {
            assert_eq!(mode(secret), 0o600, "{secret}");
        }
        for closed in ["hub", "hub/keys", "operator"] {
            assert_eq!(mode(closed), 0o700, "{closed}");
        }
    }

    #[test]
    fn init_on_a_dry_run_makes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        assert!(init(folder.path(), &["--dry-run"]).status.success());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn init_says_what_to_back_up_and_that_the_authority_must_leave_the_machine() {
        let folder = tempfile::tempdir().unwrap();
        let said = text(&init(folder.path(), &[]));
        assert!(said.contains("Back up") && said.contains("must not stay on the hub's machine"), "{said}");
    }

    #[test]
    fn the_hub_gets_its_next_certificate_without_being_asked() {
        let folder = tempfile::tempdir().unwrap();
        assert!(init(folder.path(), &[]).status.success());
        let (home, out) = (folder.path().join("operator"), folder.path().join("tls"));
        let (home, folder) = (home.to_str().unwrap(), out.to_str().unwrap());
        let call = ["--home", home, "certificate", "hub", "--hostname", "hub.example.jp,127.0.0.1", "--out", folder];
        let made = admin(&call);
        assert_eq!(made.status.code(), Some(0), "{}", text(&made));
        let facts = careplan_certs::reading::certificate(read(&out, "hub.crt").as_bytes()).unwrap();
        assert_eq!(facts.names, ["hub.example.jp", "127.0.0.1"]);
        assert_eq!(admin(&call).status.code(), Some(1));
    }

    #[test]
    fn wrong_use_ends_with_2_and_says_what_is_missing() {
        assert_eq!(admin(&["office", "list"]).status.code(), Some(2));
        assert!(text(&admin(&["office", "list"])).contains("--home"));
        assert_eq!(admin(&["office", "enrol", "1379999012", "--out", "x"]).status.code(), Some(2));
        assert_eq!(admin(&["office", "show", "137999901"]).status.code(), Some(2));
        assert_eq!(admin(&["init", "--dir", "x"]).status.code(), Some(2));
        let lost = ["certificate", "issue", "--office", "1379999012", "--reason", "lost", "--out", "x"];
        assert!(text(&admin(&lost)).contains("--verified-by"));
    }

    #[test]
    fn a_hub_that_is_not_there_ends_with_1_and_says_what_to_do_in_json_too() {
        let folder = tempfile::tempdir().unwrap();
        assert!(init(folder.path(), &[]).status.success());
        let home = folder.path().join("operator");
        let call = ["--home", home.to_str().unwrap(), "--hub", "https://127.0.0.1:1", "status"];
        let plain = admin(&call);
        assert_eq!(plain.status.code(), Some(1));
        assert!(text(&plain).contains("Is the hub running"), "{}", text(&plain));
        let json = admin(&[&call[..], &["--json"]].concat());
        let error: serde_json::Value = serde_json::from_slice(&json.stderr).unwrap();
        assert_eq!(error["error"]["code"], "unreachable");
    }

    #[test]
    fn doctor_names_every_check_and_ends_with_1_when_the_hub_is_not_there() {
        let folder = tempfile::tempdir().unwrap();
        assert!(init(folder.path(), &[]).status.success());
        let home = folder.path().join("operator");
        let found = admin(&["--home", home.to_str().unwrap(), "--hub", "https://127.0.0.1:1", "doctor"]);
        let said = text(&found);
        assert_eq!(found.status.code(), Some(1), "{said}");
        for check in [
            "ok       authority's key",
            "WARNING  authority's place",
            "ERROR    hub ",
            "keys/master.key",
            "keys/backup.key",
        ] {
            assert!(said.contains(check), "{check}\n{said}");
        }
    }

    #[test]
    fn a_roster_that_cannot_be_read_ends_with_2() {
        let folder = tempfile::tempdir().unwrap();
        assert!(init(folder.path(), &[]).status.success());
        let csv = folder.path().join("offices.csv");
        std::fs::write(&csv, "office,name\n").unwrap();
        let home = folder.path().join("operator");
        let (home, csv) = (home.to_str().unwrap(), csv.to_str().unwrap());
        let said = admin(&["--home", home, "office", "enrol", "--csv", csv, "--dry-run"]);
        assert_eq!(said.status.code(), Some(2), "{}", text(&said));
        assert!(text(&said).contains("service_type"));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_full_disk_on_the_standard_output_is_told_and_a_reader_that_went_away_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let into = |arguments: &[&str], out: std::process::Stdio| {
            Command::new(env!("CARGO_BIN_EXE_careplan-admin")).args(arguments).stdout(out).output().unwrap()
        };
        let full = || std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap().into();
        let said = into(&["completions", "bash"], full());
        assert_eq!(said.status.code(), Some(1), "{}", text(&said));
        assert!(text(&said).contains("the standard output: No space left"), "{}", text(&said));
        let made = ["init", "--dir", folder.path().to_str().unwrap(), "--hostname", "localhost"];
        let said = into(&made, full());
        assert_eq!(said.status.code(), Some(3), "{}", text(&said));
        assert!(text(&said).contains("it is done") && folder.path().join("hub/hub.toml").is_file(), "{}", text(&said));

        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let said = into(&["completions", "bash"], writer.into());
        assert_eq!((said.status.code(), text(&said).as_str()), (Some(0), ""));
    }

    #[test]
    fn help_has_examples_and_the_exit_codes() {
        let help = text(&admin(&["--help"]));
        assert!(help.contains("Exit status") && help.contains("Examples:"), "{help}");
        for command in [
            &["init"][..],
            &["office", "enrol"],
            &["certificate", "issue"],
            &["certificate", "crl"],
            &["certificate", "revoke"],
            &["operator", "remove"],
            &["licence", "grant"],
            &["auditor", "add"],
            &["log", "search"],
            &["log", "export"],
            &["usage"],
            &["doctor"],
        ] {
            let help = text(&admin(&[command, &["--help"]].concat()));
            assert!(help.contains("Example"), "{command:?}\n{help}");
            let (_, examples) = help.split_once("Example").unwrap_or_default();
            assert!(!examples.contains('…'), "an example is a command that can be typed: {command:?}\n{help}");
        }
    }

    #[test]
    fn completions_and_manual_pages_are_generated() {
        for shell in ["bash", "zsh", "fish", "powershell"] {
            assert!(text(&admin(&["completions", shell])).contains("careplan-admin"), "{shell}");
        }
        let folder = tempfile::tempdir().unwrap();
        assert!(admin(&["man", "--out", folder.path().to_str().unwrap()]).status.success());
        assert!(read(folder.path(), "careplan-admin.1").contains("careplan"));
        assert!(folder.path().join("careplan-admin-office-enrol.1").exists());
    }
}
