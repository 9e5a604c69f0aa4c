//! The names of fields that this crate knows.

use core::hint::select_unpredictable;

use posthaste_simd::lines;

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

            /// All names by their numbers.
            const BY_NUMBER: &[Self] = &[Self::Other, $(Self::$name,)*];

            /// The name as the RFCs write it; empty for [`Other`](Self::Other).
            #[inline]
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
        let mut window = [0; WINDOW];
        let Some((room, [end, ..])) = window.split_at_mut_checked(name.len()) else {
            return Self::Other;
        };
        room.copy_from_slice(name);
        *end = b':';
        match Self::split(&window) {
            Some((found, len)) if len == name.len() => found,
            _ => Self::Other,
        }
    }

    /// The name at the start of `text` and the offset of the colon right behind it, if the name
    /// has less than 32 octets; `text` may go on behind the field.
    pub(crate) fn split(text: &[u8]) -> Option<(Self, usize)> {
        let len = lines::name(text);
        Some((Self::at_start(text, len)?, len))
    }

    /// The name at the start of `text`, if it has `len` octets, no more than 31, and a colon is
    /// right behind it. This runs for each field of each message.
    #[inline]
    pub(crate) fn at_start(text: &[u8], len: usize) -> Option<Self> {
        if text.get(len) != Some(&b':') || len == 0 {
            return None;
        }
        let mask = MASKS.get(len)?;
        let packed = |window| Self::packed(cut(words(window), mask));
        Some(match text.first_chunk() {
            Some(window) => packed(window),
            None => {
                let mut window = [0; WINDOW];
                window.get_mut(..len)?.copy_from_slice(text.get(..len)?);
                packed(&window)
            }
        })
    }

    /// The name whose octets are `words`, with zeros behind them.
    #[inline]
    fn packed(words: Words) -> Self {
        let folded = folded(words);
        let slot = slot(&folded, SEED);
        let number = BY_SLOT.get(slot).copied().unwrap_or_default();
        // Half of all names are known ones, in no order that a processor could foresee.
        FOLDED.get(usize::from(number)).map_or(Self::Other, |known| {
            let name = Self::from_number(number);
            select_unpredictable(same(&known.0, &folded), name, Self::Other)
        })
    }

    /// The name with this stored number; [`Other`](Self::Other) for numbers of a later version.
    #[must_use]
    pub fn from_number(number: u8) -> Self {
        Self::BY_NUMBER.get(usize::from(number)).copied().unwrap_or_default()
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

/// A name and the colon behind it have to fit in so many octets to be known; the longest known name
/// has 27.
const WINDOW: usize = 32;

/// The octets of a window, eight in a word, so that names compare as four numbers.
type Words = [u64; WINDOW / 8];

const ONES: u64 = 0x0101_0101_0101_0101;

const fn words(window: &[u8; WINDOW]) -> Words {
    let mut words = [0; WINDOW / 8];
    let (octets, _) = window.as_chunks::<8>();
    let mut at = 0;
    while at < words.len() {
        words[at] = u64::from_le_bytes(octets[at]);
        at += 1;
    }
    words
}

/// What to keep of the words of a name with so many octets.
static MASKS: [Words; WINDOW] = {
    let mut masks = [[0; WINDOW / 8]; WINDOW];
    let mut len = 0;
    while len < WINDOW {
        let mut window = [0; WINDOW];
        window.split_at_mut(len).0.copy_from_slice([0xff; WINDOW].split_at(len).0);
        masks[len] = words(&window);
        len += 1;
    }
    masks
};

#[inline]
const fn cut([a, b, c, d]: Words, [e, f, g, h]: &Words) -> Words {
    [a & *e, b & *f, c & *g, d & *h]
}

/// The words with their letters made small. Among what a known name holds, the bit that makes them
/// so tells nothing else apart.
#[inline]
const fn folded(words: Words) -> Words {
    let [a, b, c, d] = words;
    const SMALL: u64 = ONES * 0x20;
    [a | SMALL, b | SMALL, c | SMALL, d | SMALL]
}

/// Whether the words are the same, word by word: put together in memory first, as `==` would, they
/// had to be waited for.
#[inline]
const fn same([a, b, c, d]: &Words, [e, f, g, h]: &Words) -> bool {
    (*a ^ *e) | (*b ^ *f) | (*c ^ *g) | (*d ^ *h) == 0
}

/// The place of a name in [`BY_SLOT`].
#[inline]
const fn slot(folded: &Words, seed: u64) -> usize {
    let [a, b, c, _] = *folded;
    let mixed = a ^ b.rotate_left(21) ^ c.rotate_left(42);
    (mixed.wrapping_mul(seed) >> (64 - SLOT_BITS)) as usize
}

const SLOT_BITS: u32 = 8;

/// A known name, in one line of the processor's cache.
#[derive(Clone, Copy)]
#[repr(align(32))]
struct Known(Words);

/// The known names by their numbers, first [`Name::Other`], which none of them is.
static FOLDED: [Known; Name::KNOWN.len() + 1] = {
    let mut all = [Known([0; WINDOW / 8]); Name::KNOWN.len() + 1];
    let mut at = 0;
    while at < Name::KNOWN.len() {
        let name = Name::KNOWN[at].as_str().as_bytes();
        let mut window = [0; WINDOW];
        window.split_at_mut(name.len()).0.copy_from_slice(name);
        all[at + 1] = Known(folded(words(&window)));
        at += 1;
    }
    all
};

/// A factor that gives each known name a slot of its own.
const SEED: u64 = {
    let mut seed: u64 = 0x9e37_79b9_7f4a_7c15;
    while slots(seed).is_none() {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1) | 1;
    }
    seed
};

/// The number of the only known name that each slot can hold.
static BY_SLOT: [u8; 1 << SLOT_BITS] = match slots(SEED) {
    Some(slots) => slots,
    None => panic!("SEED was found"),
};

/// Fills the slots; `None` if two names want the same.
const fn slots(seed: u64) -> Option<[u8; 1 << SLOT_BITS]> {
    let mut slots = [0; 1 << SLOT_BITS];
    let mut number = 1;
    while number < FOLDED.len() {
        let slot = slot(&FOLDED[number].0, seed);
        if slots[slot] != 0 {
            return None;
        }
        slots[slot] = number as u8;
        number += 1;
    }
    Some(slots)
}
