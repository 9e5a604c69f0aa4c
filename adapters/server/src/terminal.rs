//! The person at the terminal: what is asked, and how tables look.

use std::io::{BufRead, IsTerminal, Write};

use comfy_table::{LineStyle, TableStyle, presets};
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};

use crate::exit::{Exit, Failure};

/// How tables look: a line above, one below the header, one below all.
pub(crate) const TABLE: TableStyle = presets::UTF8_HORIZONTAL_ONLY.row_separator(LineStyle::none());

/// Octets of a password at most.
const PASSWORD: usize = 1024;

/// A new password: the first line of standard input, or typed twice.
pub(crate) fn new_password(from_stdin: bool) -> Result<String, Failure> {
    if from_stdin {
        return password_line();
    }
    let first = hidden("New password: ")?;
    if hidden("Once more: ")? != first {
        return Err(Failure::new(Exit::Data, "the two passwords differ", "try again"));
    }
    checked(first)
}

/// A password that exists: the first line of standard input, or typed.
pub(crate) fn password(from_stdin: bool) -> Result<String, Failure> {
    if from_stdin { password_line() } else { checked(hidden("Password: ")?) }
}

/// Whether the person agrees. Without a terminal nobody can.
pub(crate) fn agrees(question: &str) -> Result<bool, Failure> {
    if !std::io::stdin().is_terminal() {
        return Err(Failure::new(
            Exit::Usage,
            format!("{question} - nobody to ask"),
            "give --yes to go ahead without asking",
        ));
    }
    eprint!("{question} [y/N] ");
    Ok(matches!(line()?.trim(), "y" | "Y" | "yes"))
}

/// `HOST:PORT`, with an IPv6 address in square brackets.
pub(crate) fn host_and_port(text: &str) -> Option<(&str, u16)> {
    let (host, port) = text.rsplit_once(':')?;
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    Some((host, port.parse().ok()?))
}

/// Prints to standard output. A reader that has had enough is no failure.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Failure::io("cannot write to standard output", &error))
        }
        _ => Ok(()),
    }
}

/// What a peer said, without what would move the cursor.
pub(crate) fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

fn password_line() -> Result<String, Failure> {
    checked(line()?)
}

fn checked(password: String) -> Result<String, Failure> {
    if password.is_empty() {
        return Err(Failure::new(
            Exit::Data,
            "the password is empty",
            "give at least one character",
        ));
    }
    if password.len() > PASSWORD || password.contains('\0') {
        return Err(Failure::new(
            Exit::Data,
            format!("the password is longer than {PASSWORD} octets or holds a NUL"),
            "choose another one",
        ));
    }
    Ok(password)
}

fn hidden(prompt: &str) -> Result<String, Failure> {
    let stdin = std::io::stdin();
    if !stdin.is_terminal() {
        return Err(Failure::new(
            Exit::Usage,
            "there is no terminal to type a password at",
            "give --password-stdin and write it to standard input",
        ));
    }
    eprint!("{prompt}");
    let _ = std::io::stderr().flush();
    let _echo = NoEcho::on();
    let typed = line();
    eprintln!();
    typed
}

fn line() -> Result<String, Failure> {
    let mut line = String::new();
    std::io::stdin()
        .lock()
        .read_line(&mut line)
        .map_err(|error| Failure::io("cannot read standard input", &error))?;
    Ok(line.trim_end_matches(['\n', '\r']).to_owned())
}

/// Keeps the terminal from showing what is typed, until dropped.
struct NoEcho(Option<Termios>);

impl NoEcho {
    fn on() -> Self {
        let before = tcgetattr(std::io::stdin()).ok();
        if let Some(before) = &before {
            let mut quiet = before.clone();
            quiet.local_modes.remove(LocalModes::ECHO);
            let _ = tcsetattr(std::io::stdin(), OptionalActions::Flush, &quiet);
        }
        Self(before)
    }
}

impl Drop for NoEcho {
    fn drop(&mut self) {
        if let Some(before) = &self.0 {
            let _ = tcsetattr(std::io::stdin(), OptionalActions::Flush, before);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_and_ports() {
        assert_eq!(host_and_port("127.0.0.1:2525"), Some(("127.0.0.1", 2525)));
        assert_eq!(host_and_port("[::1]:25"), Some(("::1", 25)));
        for wrong in ["", "localhost", "localhost:", "localhost:smtp", "localhost:99999"] {
            assert_eq!(host_and_port(wrong), None, "{wrong}");
        }
    }
}
