//! The names of fields that this crate knows.

macro_rules! names {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// The names of fields that this crate knows.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum Name {
            /// Any other name, or a line that is no field.
            #[default]
            Other,
            $(#[doc = concat!("`", $text, "`")] $name,)*
        }

        impl Name {
            /// All names but [`Other`](Self::Other), in the order of their stored numbers.
            pub(super) const KNOWN: &[Self] = &[$(Self::$name,)*];

            /// The name as the RFCs write it; empty for [`Other`](Self::Other).
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    Self::Other => "",
                    $(Self::$name => $text,)*
                }
            }
        }
    };
}

// Their order is part of the stored form of a tree: new names go to the end.
names! {
    Date = "Date",
    Subject = "Subject",
    From = "From",
    Sender = "Sender",
    ReplyTo = "Reply-To",
    To = "To",
    Cc = "Cc",
    Bcc = "Bcc",
    InReplyTo = "In-Reply-To",
    MessageId = "Message-ID",
    ContentType = "Content-Type",
    ContentTransferEncoding = "Content-Transfer-Encoding",
    ContentId = "Content-ID",
    ContentDescription = "Content-Description",
    ContentDisposition = "Content-Disposition",
    ContentLanguage = "Content-Language",
    ContentLocation = "Content-Location",
    ContentMd5 = "Content-MD5",
    MimeVersion = "MIME-Version",
    References = "References",
    Received = "Received",
    ReturnPath = "Return-Path",
    AuthenticationResults = "Authentication-Results",
    DkimSignature = "DKIM-Signature",
    ListId = "List-Id",
    ListUnsubscribe = "List-Unsubscribe",
}

impl Name {
    /// The name that `name` is, whatever the case of its letters.
    #[must_use]
    pub fn of(name: &[u8]) -> Self {
        let candidates: &[Self] = match name.len() {
            2 => &[Self::To, Self::Cc],
            3 => &[Self::Bcc],
            4 => &[Self::Date, Self::From],
            6 => &[Self::Sender],
            7 => &[Self::Subject, Self::ListId],
            8 => &[Self::Received, Self::ReplyTo],
            10 => &[Self::MessageId, Self::References, Self::ContentId],
            11 => &[Self::ReturnPath, Self::InReplyTo, Self::ContentMd5],
            12 => &[Self::ContentType, Self::MimeVersion],
            14 => &[Self::DkimSignature],
            16 => &[Self::ContentLanguage, Self::ContentLocation, Self::ListUnsubscribe],
            19 => &[Self::ContentDisposition, Self::ContentDescription],
            22 => &[Self::AuthenticationResults],
            25 => &[Self::ContentTransferEncoding],
            _ => &[],
        };
        candidates
            .iter()
            .find(|known| name.eq_ignore_ascii_case(known.as_str().as_bytes()))
            .copied()
            .unwrap_or_default()
    }

    /// The name with this stored number; [`Other`](Self::Other) for numbers of a later version.
    #[must_use]
    pub fn from_number(number: u8) -> Self {
        let at = usize::from(number).checked_sub(1);
        at.and_then(|at| Self::KNOWN.get(at)).copied().unwrap_or_default()
    }

    /// Whether ENVELOPE shows it (RFC 9051 §7.5.2).
    #[must_use]
    pub const fn in_envelope(self) -> bool {
        (self as u8) >= (Self::Date as u8) && (self as u8) <= (Self::MessageId as u8)
    }

    /// Whether BODYSTRUCTURE shows it (RFC 9051 §7.5.2).
    #[must_use]
    pub const fn in_body_structure(self) -> bool {
        (self as u8) >= (Self::ContentType as u8) && (self as u8) <= (Self::ContentMd5 as u8)
    }
}
