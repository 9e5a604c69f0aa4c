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
    ListUnsubscribePost = "List-Unsubscribe-Post",
    ListPost = "List-Post",
    ListArchive = "List-Archive",
    ListHelp = "List-Help",
    ListOwner = "List-Owner",
    ListSubscribe = "List-Subscribe",
    ResentDate = "Resent-Date",
    ResentFrom = "Resent-From",
    ResentSender = "Resent-Sender",
    ResentTo = "Resent-To",
    ResentCc = "Resent-Cc",
    ResentBcc = "Resent-Bcc",
    ResentMessageId = "Resent-Message-ID",
    Comments = "Comments",
    Keywords = "Keywords",
    AutoSubmitted = "Auto-Submitted",
    Precedence = "Precedence",
    Priority = "Priority",
    Importance = "Importance",
    XPriority = "X-Priority",
    ArcSeal = "ARC-Seal",
    ArcMessageSignature = "ARC-Message-Signature",
    ArcAuthenticationResults = "ARC-Authentication-Results",
    ReceivedSpf = "Received-SPF",
    DeliveredTo = "Delivered-To",
    DispositionNotificationTo = "Disposition-Notification-To",
    UserAgent = "User-Agent",
    XMailer = "X-Mailer",
}

impl Name {
    /// The name that `name` is, whatever the case of its letters.
    #[must_use]
    pub fn of(name: &[u8]) -> Self {
        let Some(folded) = Folded::of(name) else { return Self::Other };
        let number = BY_SLOT.get(folded.slot()).copied().unwrap_or_default();
        match FOLDED.get(usize::from(number)) {
            Some(known) if *known == folded => Self::from_number(number),
            _ => Self::Other,
        }
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

/// A name of 2 to 32 octets in small letters, packed so that two of them compare as four numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Folded {
    words: [u64; 4],
    len: usize,
}

impl Folded {
    const NONE: Self = Self { words: [0; 4], len: 0 };

    /// Its octets 0..8, 8..16 and 16..24, as far as they reach, and its last eight, which overlap
    /// those before them; of a short name its first and its last four or two octets.
    const fn of(name: &[u8]) -> Option<Self> {
        let mut words = [0; 4];
        if let (Some(first), Some(last)) = (name.first_chunk(), name.last_chunk()) {
            words[0] = folded(u64::from_le_bytes(*first));
            words[3] = folded(u64::from_le_bytes(*last));
            if name.len() > 16 {
                if let Some((_, rest)) = name.split_first_chunk::<8>()
                    && let Some(second) = rest.first_chunk()
                {
                    words[1] = folded(u64::from_le_bytes(*second));
                }
                if let Some((_, rest)) = name.split_first_chunk::<16>()
                    && let Some(third) = rest.first_chunk()
                {
                    words[2] = folded(u64::from_le_bytes(*third));
                }
            }
        } else if let (Some(first), Some(last)) = (name.first_chunk(), name.last_chunk()) {
            let (first, last) = (u32::from_le_bytes(*first), u32::from_le_bytes(*last));
            words[3] = folded((last as u64) << 32 | first as u64);
        } else if let (Some(first), Some(last)) = (name.first_chunk(), name.last_chunk()) {
            let (first, last) = (u16::from_le_bytes(*first), u16::from_le_bytes(*last));
            words[3] = folded((last as u64) << 16 | first as u64);
        } else {
            return None;
        }
        if name.len() > LONGEST {
            return None;
        }
        Some(Self { words, len: name.len() })
    }

    /// The place of the name in [`BY_SLOT`].
    const fn slot(&self) -> usize {
        let mixed = self.words[3] ^ self.words[0].rotate_left(7) ^ (self.len as u64) << 40;
        (mixed.wrapping_mul(SEED) >> (64 - SLOT_BITS)) as usize
    }
}

/// Eight octets with their capital letters made small.
const fn folded(word: u64) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x80 * ONES;
    let low = word & !HIGH;
    let from_a = low + (0x80 - b'A' as u64) * ONES;
    let above_z = low + (0x7f - b'Z' as u64) * ONES;
    word | ((from_a ^ above_z) & !word & HIGH) >> 2
}

/// The longest name that is known has 27 octets.
const LONGEST: usize = 32;
const SLOT_BITS: u32 = 8;

/// The known names by their numbers; none for 0.
static FOLDED: [Folded; Name::KNOWN.len() + 1] = {
    let mut all = [Folded::NONE; Name::KNOWN.len() + 1];
    let mut at = 0;
    while at < Name::KNOWN.len() {
        if let Some(name) = Folded::of(Name::KNOWN[at].as_str().as_bytes()) {
            all[at + 1] = name;
        }
        at += 1;
    }
    all
};

/// A factor that gives each known name a slot of its own: tried out, and checked below.
const SEED: u64 = 0xb15d_3864_4164_82eb;

/// The number of the only known name that each slot can hold.
static BY_SLOT: [u8; 1 << SLOT_BITS] = {
    let mut slots = [0; 1 << SLOT_BITS];
    let mut number = 1;
    while number < FOLDED.len() {
        let slot = FOLDED[number].slot();
        assert!(slots[slot] == 0, "two names in one slot: another SEED is needed");
        slots[slot] = number as u8;
        number += 1;
    }
    slots
};
