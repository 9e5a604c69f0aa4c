//! Sends a message from a file, and says what became of it for each recipient.
//!
//! ```text
//! cargo run -p posthaste-tokio --example send -- --server 127.0.0.1:2525 --tls none \
//!     --from me@example.test --to you@example.test message.eml
//! ```
//!
//! It ends with 0 if all recipients have it, 75 if it may be tried again for some, 69 if it is of no use for
//! some. The file is streamed, so that it may have any size.

mod common;

use std::path::PathBuf;
use std::process::ExitCode;

use common::{Args, Failure};
use posthaste_core::smtp::extension::BodyKind;
use posthaste_tokio::smtp::{
    Account, Address, Client, Envelope, Error, Fate, Remote, Report, from_reader,
};
use posthaste_tokio::{ClientTls, Trust};
use tokio::fs::{self, File};
use tokio::io::{AsyncReadExt, AsyncSeekExt};

const USAGE: &str = "send [OPTION...] FILE
  --server HOST:PORT   the server
  --from ADDRESS       who sends; nobody, if there is none
  --to ADDRESS         who is to get it (as often as you like)
  --tls none|starttls|implicit   how TLS comes in; default starttls
  --ca FILE            whom to believe to be the server, in PEM; default: whom the system believes
  --insecure           believe anybody
  --user NAME          sign in by this name
  --password-file FILE and the password that stands in this file
  --hostname NAME      our name
  --lmtp               speak LMTP";

/// EX_UNAVAILABLE and EX_TEMPFAIL of sysexits.h.
const UNAVAILABLE: u8 = 69;
const TRY_AGAIN: u8 = 75;

fn main() -> ExitCode {
    common::run(USAGE, |args| common::block_on(send(args)))
}

async fn send(mut args: Args) -> Result<ExitCode, Failure> {
    let (mut server, mut file, mut user, mut password) = (None, None, None, None::<PathBuf>);
    let (mut tls, mut trust, mut hostname, mut lmtp) = ("starttls".to_owned(), None, None, false);
    let (mut envelope, mut insecure) = (Envelope::default(), false);
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--ca" => trust = Some(Trust::file(&args.value::<PathBuf>(&arg)?)?),
            "--from" => envelope.sender = Some(args.value(&arg)?),
            "--hostname" => hostname = Some(args.value::<String>(&arg)?),
            "--insecure" => (trust, insecure) = (Some(Trust::Anybody), true),
            "--lmtp" => lmtp = true,
            "--password-file" => password = Some(args.value(&arg)?),
            "--server" => server = Some(args.value::<String>(&arg)?),
            "--tls" => tls = args.value(&arg)?,
            "--to" => envelope.recipients.push(args.value::<Address>(&arg)?.into()),
            "--user" => user = Some(args.value::<String>(&arg)?),
            _ if arg.starts_with('-') || file.is_some() => {
                return Err(format!("{arg} is not known").into());
            }
            _ => file = Some(PathBuf::from(arg)),
        }
    }
    let server = server.ok_or("to which server?")?;
    let (host, port) = server.rsplit_once(':').ok_or("--server wants HOST:PORT")?;
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let port = port.parse()?;
    let client_tls = || -> Result<ClientTls, Failure> {
        let trust = trust.map_or_else(Trust::system, Ok)?;
        Ok(ClientTls::new(&trust)?)
    };
    let mut remote = match tls.as_str() {
        "implicit" => Remote::submissions(host, client_tls()?).port(port),
        "none" => Remote::plain(host, port),
        "starttls" => Remote::submission(host, client_tls()?).port(port),
        _ => return Err("--tls wants none, starttls or implicit".into()),
    };
    remote.config.lmtp = lmtp;
    // Whoever believes anybody means it: anybody gets the password.
    remote.config.plaintext_auth = insecure;
    if let Some(hostname) = hostname {
        remote = remote.hostname(&hostname);
    }
    match (user, password) {
        (Some(user), Some(path)) => {
            let password = fs::read_to_string(path).await?;
            remote = remote.account(Account::new(&user, password.trim_end_matches(['\r', '\n']))?);
        }
        (None, None) => {}
        _ => return Err("--user and --password-file want each other".into()),
    }
    let mut message = File::open(file.ok_or("which file?")?).await?;
    envelope.size = Some(message.metadata().await?.len());
    if is_8bit(&mut message).await? {
        envelope.body = BodyKind::EightBitMime;
    }
    Ok(match deliver(&remote, &envelope, message).await {
        Ok(report) => show(&envelope, &report),
        Err(error) => {
            eprintln!("{error}");
            // Nothing was sent. Only a refusal for ever is of no use to try again.
            let never = match &error {
                Error::SignIn(reply) | Error::Unwelcome(reply) => reply.is_permanent(),
                Error::NoMechanism | Error::NoTls(_) | Error::Tls(_) | Error::Unproved => true,
                _ => false,
            };
            ExitCode::from(if never { UNAVAILABLE } else { TRY_AGAIN })
        }
    })
}

async fn deliver(remote: &Remote, envelope: &Envelope, message: File) -> Result<Report, Error> {
    let mut client = Client::connect(remote).await?;
    let report = match client.send(envelope, from_reader(message)).await {
        Ok(report) => report,
        Err(failed) => {
            eprintln!("{failed}");
            return Ok(failed.report);
        }
    };
    // The message is not ours any more, whatever becomes of the goodbye.
    let _ = client.quit().await;
    Ok(report)
}

/// Prints what became of it, and says how to end.
fn show(envelope: &Envelope, report: &Report) -> ExitCode {
    for (recipient, fate) in envelope.recipients.iter().zip(&report.fates) {
        println!("{}: {fate}", recipient.address);
    }
    if report.is_taken_by_all() {
        ExitCode::SUCCESS
    } else if report.fates.iter().all(|fate| fate.is_taken() || Fate::is_transient(fate)) {
        ExitCode::from(TRY_AGAIN)
    } else {
        ExitCode::from(UNAVAILABLE)
    }
}

/// Whether there is an octet above ASCII in it.
async fn is_8bit(file: &mut File) -> std::io::Result<bool> {
    let mut room = vec![0; 64 * 1024];
    let found = loop {
        match file.read(&mut room).await? {
            0 => break false,
            n if !room[..n].is_ascii() => break true,
            _ => {}
        }
    };
    file.rewind().await?;
    Ok(found)
}
