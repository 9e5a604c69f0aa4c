//! Certificates and their keys: read from PEM files, made at first start, exchanged while running.

use std::collections::HashMap;
use std::fmt;
use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use arc_swap::ArcSwap;
use posthaste_core::machine::Fingerprint;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

/// A certificate chain and its key, as two PEM files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The chain: the server's own certificate first.
    pub certificate: PathBuf,
    /// The key of the first certificate: PKCS #8, PKCS #1 or SEC 1.
    pub key: PathBuf,
}

impl Source {
    /// File name of the certificate that [`self_signed`](Self::self_signed) makes.
    pub const CERTIFICATE: &str = "tls-self-signed.pem";
    /// File name of its key.
    pub const KEY: &str = "tls-self-signed.key";
    /// Years that a self-signed certificate is good for.
    pub const YEARS: i32 = 10;

    /// The self-signed certificate of `folder`; made for `names` (host names and addresses), with a new
    /// P-256 key in a file that only its owner can read, if it is not there yet.
    ///
    /// # Errors
    /// A name that no certificate can carry, or a file that cannot be written.
    pub fn self_signed(folder: &Path, names: &[String]) -> Result<Self, CertificateError> {
        let source =
            Self { certificate: folder.join(Self::CERTIFICATE), key: folder.join(Self::KEY) };
        // The certificate is written last, so where it is, the key is.
        if source.certificate.exists() && source.key.exists() {
            return Ok(source);
        }
        let made = |why: rcgen::Error| CertificateError::Make {
            names: names.to_vec(),
            why: why.to_string(),
        };
        let mut params = rcgen::CertificateParams::new(names.to_vec()).map_err(made)?;
        let name = names.first().map_or("localhost", String::as_str);
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        let year = year_of(SystemTime::now());
        params.not_before = rcgen::date_time_ymd(year - 1, 1, 1);
        params.not_after = rcgen::date_time_ymd(year + Self::YEARS, 1, 1);
        let key = rcgen::KeyPair::generate().map_err(made)?;
        let certificate = params.self_signed(&key).map_err(made)?;
        write(&source.key, key.serialize_pem().as_bytes(), 0o600)?;
        write(&source.certificate, certificate.pem().as_bytes(), 0o644)?;
        Ok(source)
    }

    pub(crate) fn load(&self) -> Result<Loaded, CertificateError> {
        let chain = read_chain(&self.certificate)?;
        let key = PrivateKeyDer::from_pem_file(&self.key).map_err(|why| match why {
            pem::Error::Io(why) => CertificateError::Read { path: self.key.clone(), why },
            pem::Error::NoItemsFound => CertificateError::NoKey { path: self.key.clone() },
            why => CertificateError::Pem { path: self.key.clone(), why: why.to_string() },
        })?;
        let bad = |why: String| CertificateError::Pem { path: self.certificate.clone(), why };
        let (_, parsed) = X509Certificate::from_der(&chain[0]).map_err(|e| bad(e.to_string()))?;
        let mut names = Vec::new();
        if let Ok(Some(alternatives)) = parsed.subject_alternative_name() {
            for name in &alternatives.value.general_names {
                if let GeneralName::DNSName(name) = name {
                    names.push(name.to_ascii_lowercase());
                }
            }
        }
        let expires = parsed.validity().not_after.timestamp();
        let expires = UNIX_EPOCH + Duration::from_secs(u64::try_from(expires).unwrap_or(0));
        let key =
            CertifiedKey::from_der(chain, key, &crate::provider()).map_err(|why| match why {
                rustls::Error::InconsistentKeys(_) => CertificateError::Mismatch {
                    certificate: self.certificate.clone(),
                    key: self.key.clone(),
                },
                why => CertificateError::Pem { path: self.key.clone(), why: why.to_string() },
            })?;
        Ok(Loaded { key: Arc::new(key), names, expires })
    }
}

/// The certificates that a server shows, each by the names it carries. They can be exchanged while
/// connections run.
pub struct Certificates {
    sources: ArcSwap<Vec<Source>>,
    now: ArcSwap<Table>,
}

impl Certificates {
    /// Loads `sources`. The first is shown to clients that name no server, or one that nobody carries.
    ///
    /// # Errors
    /// Which file, and what is wrong with it.
    pub fn load(sources: Vec<Source>) -> Result<Self, CertificateError> {
        let table = Table::load(&sources)?;
        Ok(Self { sources: ArcSwap::from_pointee(sources), now: ArcSwap::from_pointee(table) })
    }

    /// Reads the same files again.
    ///
    /// # Errors
    /// As [`load`](Self::load); the certificates that were in use stay then.
    pub fn reload(&self) -> Result<(), CertificateError> {
        self.now.store(Arc::new(Table::load(&self.sources.load())?));
        Ok(())
    }

    /// Reads other files from now on.
    ///
    /// # Errors
    /// As [`load`](Self::load); the certificates that were in use stay then.
    pub fn replace(&self, sources: Vec<Source>) -> Result<(), CertificateError> {
        self.now.store(Arc::new(Table::load(&sources)?));
        self.sources.store(Arc::new(sources));
        Ok(())
    }

    /// When the first of them expires.
    #[must_use]
    pub fn expires(&self) -> SystemTime {
        self.now.load().expires
    }

    /// The first certificate (DER), for clients that [trust only it](crate::Trust::Only) and for
    /// fingerprints.
    #[must_use]
    pub fn first(&self) -> Vec<u8> {
        self.now.load().first.cert.first().map(|der| der.to_vec()).unwrap_or_default()
    }

    fn pick(&self, name: Option<&str>) -> Arc<CertifiedKey> {
        let table = self.now.load();
        name.and_then(|name| table.find(name)).unwrap_or(&table.first).clone()
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.pick(hello.server_name()))
    }
}

impl fmt::Debug for Certificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.sources.load().iter()).finish()
    }
}

/// One source, read.
pub(crate) struct Loaded {
    pub(crate) key: Arc<CertifiedKey>,
    names: Vec<String>,
    expires: SystemTime,
}

/// All sources, read.
struct Table {
    first: Arc<CertifiedKey>,
    by_name: HashMap<String, Arc<CertifiedKey>>,
    expires: SystemTime,
}

impl Table {
    fn load(sources: &[Source]) -> Result<Self, CertificateError> {
        let mut table: Option<Self> = None;
        for source in sources {
            let Loaded { key, names, expires } = source.load()?;
            let table = table.get_or_insert_with(|| Self {
                first: key.clone(),
                by_name: HashMap::new(),
                expires,
            });
            table.expires = table.expires.min(expires);
            for name in names {
                table.by_name.entry(name).or_insert_with(|| key.clone());
            }
        }
        table.ok_or(CertificateError::None)
    }

    fn find(&self, name: &str) -> Option<&Arc<CertifiedKey>> {
        let name = name.to_ascii_lowercase();
        self.by_name.get(&name).or_else(|| {
            // RFC 9525 §6.3: a wildcard stands for the whole first label.
            let (_, parent) = name.split_once('.')?;
            self.by_name.get(&format!("*.{parent}"))
        })
    }
}

/// Why certificates cannot be used.
#[derive(Debug)]
pub enum CertificateError {
    /// A self-signed certificate cannot be made.
    Make {
        /// For these names.
        names: Vec<String>,
        /// The crypto library's words.
        why: String,
    },
    /// The key is not the certificate's.
    Mismatch {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's file.
        key: PathBuf,
    },
    /// The file holds no certificate.
    NoCertificate {
        /// The file.
        path: PathBuf,
    },
    /// The file holds no private key.
    NoKey {
        /// The file.
        path: PathBuf,
    },
    /// No certificate was named.
    None,
    /// The file holds something that cannot be understood.
    Pem {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// The file cannot be read.
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        why: io::Error,
    },
    /// The file cannot be written.
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        why: io::Error,
    },
}

impl fmt::Display for CertificateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Make { names, why } => {
                write!(f, "cannot make a certificate for {}: {why}", names.join(", "))
            }
            Self::Mismatch { certificate, key } => write!(
                f,
                "the key in {} does not belong to the first certificate in {}",
                key.display(),
                certificate.display()
            ),
            Self::NoCertificate { path } => write!(
                f,
                "{}: no certificate in it (expected PEM, -----BEGIN CERTIFICATE-----)",
                path.display()
            ),
            Self::NoKey { path } => write!(
                f,
                "{}: no private key in it (expected PEM, -----BEGIN PRIVATE KEY-----)",
                path.display()
            ),
            Self::None => f.write_str("no certificate was named"),
            Self::Pem { path, why } => write!(f, "{}: {why}", path.display()),
            Self::Read { path, why } => write!(f, "cannot read {}: {why}", path.display()),
            Self::Write { path, why } => write!(f, "cannot write {}: {why}", path.display()),
        }
    }
}

impl std::error::Error for CertificateError {}

/// The fingerprint of the first certificate of a PEM file: what an account knows its holder by.
///
/// # Errors
/// The file cannot be read, or holds no certificate.
pub fn fingerprint(path: &Path) -> Result<Fingerprint, CertificateError> {
    Ok(Fingerprint::of(&read_chain(path)?[0]))
}

/// All certificates of a PEM file, at least one.
pub(crate) fn read_chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, CertificateError> {
    let read = |why: pem::Error| match why {
        pem::Error::Io(why) => CertificateError::Read { path: path.to_owned(), why },
        why => CertificateError::Pem { path: path.to_owned(), why: why.to_string() },
    };
    let chain = CertificateDer::pem_file_iter(path)
        .map_err(read)?
        .collect::<Result<Vec<_>, _>>()
        .map_err(read)?;
    if chain.is_empty() {
        return Err(CertificateError::NoCertificate { path: path.to_owned() });
    }
    Ok(chain)
}

/// Writes a file whole or not at all.
fn write(path: &Path, content: &[u8], mode: u32) -> Result<(), CertificateError> {
    let partial = path.with_extension("new");
    let written = || -> io::Result<()> {
        // One that was left by a crash may have any mode.
        match fs::remove_file(&partial) {
            Err(why) if why.kind() != io::ErrorKind::NotFound => return Err(why),
            _ => {}
        }
        let mut file =
            fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(&partial)?;
        file.write_all(content)?;
        file.sync_all()?;
        fs::rename(&partial, path)
    };
    written().map_err(|why| CertificateError::Write { path: path.to_owned(), why })
}

/// The year of a moment, to a day or two.
fn year_of(at: SystemTime) -> i32 {
    let days = at.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs() / 86_400);
    1970 + i32::try_from(days * 400 / 146_097).unwrap_or(0)
}
