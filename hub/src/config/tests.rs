use super::*;
use std::os::unix::fs::PermissionsExt;

const EXAMPLE: &str = include_str!("../../hub.example.toml");

fn nothing() -> HashMap<String, String> {
    HashMap::new()
}

fn written(text: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hub.toml");
    std::fs::write(&path, text).unwrap();
    (folder, path)
}

const SMALLEST: &str = r#"
    name = "hub"
    [[tls.anchors]]
    name = "own"
    certificate = "tls/ca.crt"
"#;

fn smallest() -> Config {
    Config::parse(SMALLEST, &nothing()).unwrap()
}

#[test]
fn the_example_shows_every_key_with_its_default() {
    let example = Config::parse(EXAMPLE, &nothing()).unwrap();
    let expected = Config {
        name: example.name.clone(),
        tls: Tls { anchors: example.tls.anchors.clone(), ..smallest().tls },
        operators: example.operators.clone(),
        ..smallest()
    };
    assert_eq!(example, expected);
    let shown: toml::Value = toml::from_str(EXAMPLE).unwrap();
    let known: toml::Value = toml::from_str(&example.to_toml().unwrap()).unwrap();
    assert_eq!(shown, known, "every key stands in the example, and no other");
}

#[test]
fn the_environment_overrides_the_file() {
    let environment = HashMap::from([
        ("CAREPLAN_HUB__LISTEN__ADDRESS".to_owned(), "127.0.0.1:1".to_owned()),
        ("CAREPLAN_HUB__TIMEOUTS__BODY_SECONDS".to_owned(), "7".to_owned()),
        ("CAREPLAN_HUB__TLS__TLS12".to_owned(), "true".to_owned()),
        ("CAREPLAN_HUB__NAME".to_owned(), "007".to_owned()),
        ("CAREPLAN_HUB_CONFIG".to_owned(), "elsewhere".to_owned()),
    ]);
    let config = Config::parse(SMALLEST, &environment).unwrap();
    assert_eq!(config.listen.address.to_string(), "127.0.0.1:1");
    assert_eq!((config.timeouts.body_seconds, config.tls.tls12, config.name.as_str()), (7, true, "007"));
}

#[test]
fn unknown_keys_are_refused_by_name() {
    for (text, environment) in [
        (format!("{SMALLEST}\n[limits]\nfile = 3"), nothing()),
        (format!("{SMALLEST}\nfile = 3"), nothing()),
        (SMALLEST.to_owned(), HashMap::from([("CAREPLAN_HUB__LIMITS__FILE".to_owned(), "3".to_owned())])),
    ] {
        let error = Config::parse(&text, &environment).unwrap_err().to_string();
        assert!(error.contains("unknown field `file`"), "{error}");
    }
}

#[test]
fn a_value_of_another_kind_is_refused_with_its_key() {
    let error = Config::parse(&format!("{SMALLEST}\n[limits]\nfiles = \"many\""), &nothing()).unwrap_err().to_string();
    assert!(error.contains("limits.files"), "{error}");
    let error = Config::parse(&format!("{SMALLEST}\n[listen]\nlocal = \"here\""), &nothing()).unwrap_err().to_string();
    assert!(error.contains("listen.local"), "{error}");
    let error = Config::parse("[tls]\nanchors = []", &nothing()).unwrap_err().to_string();
    assert!(error.contains("name"), "{error}");
}

#[test]
fn values_that_cannot_be_are_named_all_at_once_with_their_remedy() {
    let mut config = smallest();
    config.name = "a\nb".to_owned();
    config.listen.local = "0.0.0.0:9443".parse().unwrap();
    config.listen.public_address = "hub.example.jp".to_owned();
    config.tls.anchors.clear();
    config.timeouts.idle_seconds = 0;
    config.connections.per_certificate = 0;
    config.log.level = "info,=x=".to_owned();
    let (_folder, path) = written(&config.to_toml().unwrap());
    let ConfigError::Wrong(Findings(findings)) = Config::load(&path, &nothing()).unwrap_err() else {
        panic!("another error");
    };
    let keys: Vec<&str> = findings.iter().map(|finding| finding.key.as_str()).collect();
    let named = ["name", "listen.local", "listen.public_address", "tls.anchors", "timeouts.idle_seconds"];
    assert_eq!(keys, [&named[..], &["connections.per_certificate", "log.level"]].concat());
    assert!(findings[1].to_string().contains("127.0.0.1"), "{}", findings[1]);
}

#[test]
fn the_test_clock_is_refused_where_others_can_reach_the_hub() {
    let mut config = smallest();
    config.test.clock = "clock".into();
    let (_folder, path) = written(&config.to_toml().unwrap());
    assert!(Config::load(&path, &nothing()).unwrap_err().to_string().contains("test.clock"));
    config.listen.address = "127.0.0.1:0".parse().unwrap();
    std::fs::write(&path, config.to_toml().unwrap()).unwrap();
    assert!(Config::load(&path, &nothing()).is_ok());
}

#[test]
fn paths_are_relative_to_the_folder_of_the_file() {
    let (folder, path) = written(SMALLEST);
    let config = Config::load(&path, &nothing()).unwrap();
    assert_eq!(config.data, folder.path().join("data"));
    assert_eq!(config.tls.anchors[0].certificate, folder.path().join("tls/ca.crt"));
    assert_eq!(config.tls.anchors[0].revocation_list, PathBuf::new());
    assert_eq!(config.test.clock, PathBuf::new());
}

#[test]
fn the_master_key_comes_from_a_file_that_nobody_else_may_read_or_from_the_environment() {
    let (folder, path) = written(SMALLEST);
    let config = Config::load(&path, &nothing()).unwrap();
    assert!(matches!(config.master_key(&nothing()), Err(SecretError::Read { .. })));
    std::fs::create_dir(folder.path().join("keys")).unwrap();
    std::fs::write(&config.keys.master, format!("{}\n", "1f".repeat(32))).unwrap();
    std::fs::set_permissions(&config.keys.master, std::fs::Permissions::from_mode(0o640)).unwrap();
    let error = config.master_key(&nothing()).unwrap_err().to_string();
    assert!(error.contains("chmod 600"), "{error}");
    std::fs::set_permissions(&config.keys.master, std::fs::Permissions::from_mode(0o600)).unwrap();
    assert_eq!(config.master_key(&nothing()).unwrap().bytes(), &[0x1f; 32]);
    let environment = HashMap::from([("CAREPLAN_HUB_MASTER_KEY".to_owned(), "2e".repeat(32))]);
    assert_eq!(config.master_key(&environment).unwrap().bytes(), &[0x2e; 32]);
    let environment = HashMap::from([("CAREPLAN_HUB_MASTER_KEY".to_owned(), "2e".repeat(31))]);
    let error = config.master_key(&environment).unwrap_err();
    assert!(!error.to_string().contains("2e2e") && !format!("{error:?}").contains("2e2e"));
}
