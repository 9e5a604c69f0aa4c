//! What the words and numbers of a date mean.

/// The number of the month that a word names, 1 to 12.
#[inline]
pub(super) fn month(word: &[u8]) -> Option<u8> {
    named(word).filter(|number| *number <= 12)
}

/// Whether a word names a day of the week.
#[inline]
pub(super) fn is_weekday(word: &[u8]) -> bool {
    named(word).is_some_and(|number| number > 12)
}

/// The place of a name in [`NAMES`] by its first three letters, from 1.
#[inline]
fn named(word: &[u8]) -> Option<u8> {
    let letters = small(*word.first_chunk()?);
    let (number, name) = PLACES.get(letters as usize % PLACES.len())?;
    (*name == letters).then_some(*number)
}

/// Three letters, small, the first one lowest. The bit that makes letters small tells nothing else
/// apart from a letter.
const fn small([a, b, c]: [u8; 3]) -> u32 {
    u32::from_le_bytes([a, b, c, 0]) | 0x20_2020
}

/// How the months and the days of the week are named.
const NAMES: [&[u8; 3]; 19] = [
    b"jan", b"feb", b"mar", b"apr", b"may", b"jun", b"jul", b"aug", b"sep", b"oct", b"nov", b"dec",
    b"mon", b"tue", b"wed", b"thu", b"fri", b"sat", b"sun",
];

/// The numbers of the names and their letters, at the place that the letters tell.
static PLACES: [(u8, u32); PLACES_LEN] = {
    let (mut places, mut at) = ([(0, 0); PLACES_LEN], 0);
    while at < NAMES.len() {
        let letters = small(*NAMES[at]);
        let place = letters as usize % places.len();
        assert!(places[place].1 == 0, "two names at one place");
        at += 1;
        places[place] = (at as u8, letters);
    }
    places
};

/// So that no two names meet.
const PLACES_LEN: usize = 70;

/// `AM` and `PM` stand where no RFC lets them; they are no zone.
pub(super) fn is_half_of_day(word: &[u8]) -> bool {
    word.eq_ignore_ascii_case(b"am") || word.eq_ignore_ascii_case(b"pm")
}

/// The offset that a zone's name means (RFC 5322 §4.3); 0 for those that mean nothing, among them
/// the single letters.
pub(super) fn named_zone(word: &[u8]) -> i16 {
    const ZONES: [(&str, i16); 16] = [
        ("EST", -5),
        ("EDT", -4),
        ("CST", -6),
        ("CDT", -5),
        ("MST", -7),
        ("MDT", -6),
        ("PST", -8),
        ("PDT", -7),
        // Not of the RFC, and of one meaning only.
        ("CET", 1),
        ("CEST", 2),
        ("MET", 1),
        ("MEST", 2),
        ("EET", 2),
        ("EEST", 3),
        ("JST", 9),
        ("WEST", 1),
    ];
    let known = ZONES.iter().find(|(name, _)| word.eq_ignore_ascii_case(name.as_bytes()));
    known.map_or(0, |(_, hours)| hours * 60)
}

/// Hours and minutes as an offset, if there can be one.
pub(super) fn offset(hours: u32, minutes: u32) -> Option<i16> {
    (hours < 100 && minutes < 60).then(|| (hours * 60 + minutes) as i16)
}

/// RFC 5322 §4.3: two digits below 50 are of this century, other years of two and three digits count
/// from 1900, and so do those with a zero in front, as in `0102`: no message is older (§3.3).
pub(super) fn year(value: u32, digits: usize) -> Option<u16> {
    let value = match digits {
        0..=2 if value < 50 => value + 2000,
        0..=3 => value + 1900,
        _ if value < 1000 => value + 1900,
        _ => value,
    };
    u16::try_from(value).ok().filter(|year| *year <= 9999)
}
