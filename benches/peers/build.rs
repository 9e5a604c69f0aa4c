//! Compiles what calls the parsers written in C, where Debian's packages for them are installed:
//! libgmime-3.0-dev and dovecot-dev.

use std::{path::Path, process::Command};

fn main() {
    println!("cargo:rerun-if-changed=c");
    println!("cargo:rustc-check-cfg=cfg(gmime, dovecot)");
    if let Some(flags) = pkg_config("gmime-3.0") {
        let mut build = cc::Build::new();
        build.file("c/gmime.c").opt_level(2);
        flags.iter().filter(|flag| !flag.starts_with("-l")).for_each(|flag| {
            build.flag(flag);
        });
        build.compile("peers_gmime");
        for library in flags.iter().filter_map(|flag| flag.strip_prefix("-l")) {
            println!("cargo:rustc-link-lib={library}");
        }
        println!("cargo:rustc-cfg=gmime");
    }
    let headers = Path::new("/usr/include/dovecot");
    if headers.join("message-parser.h").exists() {
        // The library that lib-mail and lib-imap are in; the program finds it where the package
        // puts it.
        cc::Build::new()
            .file("c/dovecot.c")
            .define("HAVE_CONFIG_H", None)
            .include(headers)
            .std("gnu99")
            .opt_level(2)
            .warnings(false)
            .compile("peers_dovecot");
        println!("cargo:rustc-link-search=/usr/lib/dovecot");
        println!("cargo:rustc-link-lib=dovecot");
        println!("cargo:rustc-link-arg=-Wl,-rpath,/usr/lib/dovecot");
        println!("cargo:rustc-cfg=dovecot");
    }
}

/// The compiler's flags for a library that is installed.
fn pkg_config(library: &str) -> Option<Vec<String>> {
    let output = Command::new("pkg-config").args(["--cflags", "--libs", library]).output().ok()?;
    let flags = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| flags.split_whitespace().map(Into::into).collect())
}
