//! A folder with a config on free ports.

use std::net::TcpListener;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::program::{Running, Said, run, run_with_input};
use crate::wire::Wire;

/// The password of every account here.
pub(crate) const PASSWORD: &str = "correct horse";

/// Ports that nobody listened at a moment ago.
pub(crate) fn free_ports<const N: usize>() -> [u16; N] {
    // All are held until all are known, so that they differ.
    let held = [(); N].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    held.map(|listener| listener.local_addr().unwrap().port())
}

/// A data folder, its config, and where its server listens. The domain is `example.org`.
pub(crate) struct Place {
    folder: TempDir,
    pub(crate) smtp: u16,
    pub(crate) submission: u16,
    pub(crate) lmtp: u16,
    pub(crate) imap: u16,
    pub(crate) pop3: u16,
}

impl Place {
    pub(crate) fn new() -> Self {
        let [smtp, submission, lmtp, imap, pop3] = free_ports();
        let folder = tempfile::tempdir().unwrap();
        let place = Self { folder, smtp, submission, lmtp, imap, pop3 };
        place.configure("", "");
        place
    }

    /// A place with accounts.
    pub(crate) fn with(accounts: &[&str]) -> Self {
        let place = Self::new();
        for account in accounts {
            place.add(account).fine();
        }
        place
    }

    /// Writes the config: `server` are more lines of `[server]`, `more` further sections.
    pub(crate) fn configure(&self, server: &str, more: &str) {
        let mut text = format!(
            "[server]\nhostname = \"mail.example.org\"\ndata = \"data\"\n\
             plaintext_auth = \"loopback\"\n{server}\n[[domain]]\nname = \"example.org\"\n"
        );
        for (protocol, port) in [
            ("smtp", self.smtp),
            ("submission", self.submission),
            ("lmtp", self.lmtp),
            ("imap", self.imap),
            ("pop3", self.pop3),
        ] {
            text.push_str(&format!(
                "[[listener]]\nprotocol = \"{protocol}\"\naddress = \"127.0.0.1:{port}\"\n"
            ));
        }
        text.push_str(more);
        std::fs::write(self.config(), text).unwrap();
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn config(&self) -> PathBuf {
        self.path().join("posthaste.toml")
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.path().join("data")
    }

    /// Starts the server.
    #[track_caller]
    pub(crate) fn serve(&self) -> Running {
        Running::start(self.path(), &["serve", "--config", "posthaste.toml"])
    }

    /// Runs `posthaste serve`, which is expected to fail.
    pub(crate) fn fail_to_serve(&self) -> Said {
        run(&["serve", "--config", self.config().to_str().unwrap()])
    }

    /// Runs an account command, with a password to read.
    pub(crate) fn account(&self, arguments: &[&str], password: &str) -> Said {
        let config = self.config();
        let mut all = vec!["account"];
        all.extend(arguments);
        all.extend(["--config", config.to_str().unwrap()]);
        run_with_input(&all, &format!("{password}\n"))
    }

    pub(crate) fn add(&self, address: &str) -> Said {
        self.account(&["add", address, "--password-stdin"], PASSWORD)
    }

    /// Sends a message from a stranger; gives the final reply.
    #[track_caller]
    pub(crate) fn deliver(&self, to: &str, text: &str) -> String {
        let mut smtp = Wire::connect(self.smtp);
        smtp.reply();
        smtp.ask("EHLO stranger.test");
        smtp.ask("MAIL FROM:<stranger@elsewhere.test>");
        let reply = smtp.ask(&format!("RCPT TO:<{to}>"));
        if !reply.starts_with("250") {
            return reply;
        }
        smtp.ask("DATA");
        smtp.ask(&format!("Subject: test\r\n\r\n{text}\r\n."))
    }

    /// Whether IMAP lets this password in.
    #[track_caller]
    pub(crate) fn signs_in(&self, account: &str, password: &str) -> bool {
        let mut imap = Wire::connect(self.imap);
        imap.line();
        imap.imap(&format!("LOGIN {account} \"{password}\"")).contains("a OK")
    }

    /// All of an account's INBOX, by IMAP.
    #[track_caller]
    pub(crate) fn inbox(&self, account: &str) -> String {
        let mut imap = Wire::connect(self.imap);
        imap.line();
        let login = imap.imap(&format!("LOGIN {account} \"{PASSWORD}\""));
        assert!(login.contains("a OK"), "{login}");
        imap.imap("SELECT INBOX");
        imap.imap("FETCH 1:* BODY.PEEK[]")
    }
}
