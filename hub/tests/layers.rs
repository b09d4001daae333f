#![expect(clippy::unwrap_used, reason = "a test that cannot read the sources fails")]
//! Holds the order of the hub's layers: a module uses only what stands below it. And: access alone makes permits.

use std::path::{Path, PathBuf};

/// Outside in. Modules of one row may use each other.
const LAYERS: [&[&str]; 8] = [
    &["ops", "listen", "workers"],
    &["http"],
    &["access"],
    &["exchange", "registry", "licence", "log"],
    &["permit"],
    &["store"],
    &["tls", "identity", "connection"],
    &["config", "metrics", "clock", "failpoint"],
];

fn layer(module: &str) -> Option<usize> {
    LAYERS.iter().position(|modules| modules.contains(&module))
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

fn all_sources() -> Vec<(String, PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut paths = Vec::new();
    sources(&root, &mut paths);
    let of_module = |path: PathBuf| {
        let relative = path.strip_prefix(&root).unwrap();
        let first = relative.components().next().unwrap().as_os_str().to_str().unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        (first.trim_end_matches(".rs").to_owned(), path, text)
    };
    // What a module's tests use is their own affair.
    paths.retain(|path| path.file_name().is_none_or(|name| name != "tests.rs"));
    paths.into_iter().map(of_module).collect()
}

#[test]
fn modules_use_only_what_stands_below_them() {
    let mut upward = Vec::new();
    for (module, path, text) in all_sources() {
        let Some(own) = layer(&module) else {
            assert!(matches!(module.as_str(), "lib" | "main" | "bin"), "{module} stands in no layer: add it to LAYERS");
            continue;
        };
        // What a module's tests use is their own affair.
        let code = text.split("#[cfg(test)]").next().unwrap();
        for used in code.split("crate::").skip(1) {
            let name: String = used.chars().take_while(|c| c.is_ascii_lowercase() || *c == '_').collect();
            if layer(&name).is_some_and(|used| used < own) {
                upward.push(format!("{} uses {name}", path.display()));
            }
        }
    }
    assert!(upward.is_empty(), "{upward:#?}");
}

#[test]
fn access_alone_makes_permits() {
    for (module, path, text) in all_sources() {
        if module != "access" && module != "permit" {
            let code = text.split("#[cfg(test)]").next().unwrap();
            assert!(!code.contains("Permit::of"), "{} makes a permit", path.display());
        }
    }
}

#[test]
fn one_module_alone_names_the_failpoints_crate() {
    for (module, path, text) in all_sources() {
        assert!(module == "failpoint" || !text.contains("fail::"), "{} names the crate", path.display());
    }
}
