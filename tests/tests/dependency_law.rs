//! The dependency law: who may use whom, read from `cargo metadata`.
//!
//! ```text
//! core                      uses nothing of ours
//! tls, store                use core
//! mio, tokio                use core, tls
//! host                      uses core, store
//! server                    uses all of them
//! tests, fuzz, benches      may use anything; nothing uses them
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// What each crate may use of ours. `*`: anything that may be used at all.
const LAW: &[(&str, &[&str])] = &[
    ("posthaste", &["*"]),
    ("posthaste-benches", &["*", "posthaste-gate"]),
    ("posthaste-core", &["posthaste-simd"]),
    ("posthaste-fuzz", &["*", "posthaste-tests"]),
    ("posthaste-gate", &["posthaste-core"]),
    ("posthaste-host", &["posthaste-core", "posthaste-store"]),
    ("posthaste-mio", &["posthaste-core", "posthaste-tls"]),
    ("posthaste-no-std", &["posthaste-core"]),
    ("posthaste-simd", &[]),
    ("posthaste-store", &["posthaste-core"]),
    ("posthaste-tests", &["*"]),
    ("posthaste-tls", &["posthaste-core"]),
    ("posthaste-tokio", &["posthaste-core", "posthaste-tls"]),
];

/// What nothing uses, but where the law names it.
const UNUSED: &[&str] = &[
    "posthaste",
    "posthaste-benches",
    "posthaste-fuzz",
    "posthaste-gate",
    "posthaste-no-std",
    "posthaste-tests",
];

/// Direct dependencies that core may have.
const CORE_MOST: usize = 14;

/// Crates that only these of ours may name: TLS stands in one place, sockets in the adapters.
const KEPT: &[(&str, &[&str])] = &[
    ("rustls", &["posthaste-tls"]),
    ("mio", &["posthaste-mio", "posthaste-benches"]),
    ("redb", &["posthaste-store"]),
];

/// A dependency as a manifest has it.
struct Uses {
    name: String,
    /// It is for tests of that crate only.
    dev: bool,
    default_features: bool,
}

/// The dependencies of every crate of the workspace that this manifest belongs to.
fn crates(manifest: &str) -> BTreeMap<String, Vec<Uses>> {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join(manifest);
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--offline", "--no-deps", "--format-version", "1", "--manifest-path"])
        .arg(&manifest)
        .output()
        .expect("cargo runs");
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {complaint}", manifest.display());
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo writes JSON");
    let text = |value: &Value| value.as_str().expect("a name").to_string();
    metadata["packages"]
        .as_array()
        .expect("a list of packages")
        .iter()
        .map(|package| {
            let uses = package["dependencies"].as_array().expect("a list of dependencies");
            let uses = uses
                .iter()
                .map(|used| Uses {
                    name: text(&used["name"]),
                    dev: used["kind"] == "dev",
                    default_features: used["uses_default_features"] == true,
                })
                .collect();
            (text(&package["name"]), uses)
        })
        .collect()
}

fn all() -> BTreeMap<String, Vec<Uses>> {
    let mut all = crates("../Cargo.toml");
    all.extend(crates("../fuzz/Cargo.toml"));
    all.extend(crates("no_std/Cargo.toml"));
    all
}

#[test]
fn everybody_keeps_the_law() {
    let all = all();
    let known: BTreeSet<&str> = LAW.iter().map(|(name, _)| *name).collect();
    let found: BTreeSet<&str> = all.keys().map(String::as_str).collect();
    assert_eq!(found, known, "a crate without a law, or a law without a crate");

    let mut broken = Vec::new();
    for (name, allowed) in LAW {
        for used in all[*name].iter().filter(|used| known.contains(used.name.as_str())) {
            let named = allowed.contains(&used.name.as_str());
            let any = allowed.contains(&"*") && !UNUSED.contains(&used.name.as_str());
            if !named && !any {
                let dev = if used.dev { " (in its tests)" } else { "" };
                broken.push(format!("{name} uses {}{dev}", used.name));
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn what_is_kept_in_one_place_stays_there() {
    let mut broken = Vec::new();
    for (name, uses) in all() {
        for used in uses.iter().filter(|used| !used.dev) {
            let kept = KEPT.iter().find(|(kept, _)| *kept == used.name);
            if kept.is_some_and(|(_, by)| !by.contains(&name.as_str())) {
                broken.push(format!("{name} uses {}", used.name));
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

/// Few, and each without its default features: those are where std comes in.
#[test]
fn core_depends_on_little() {
    let all = all();
    let core: Vec<&Uses> = all["posthaste-core"].iter().filter(|used| !used.dev).collect();
    let names: Vec<&str> = core.iter().map(|used| used.name.as_str()).collect();
    assert!(!names.is_empty() && names.len() <= CORE_MOST, "{}: {names:?}", names.len());
    for used in core {
        assert!(!used.default_features, "core takes the default features of {}", used.name);
    }
}
