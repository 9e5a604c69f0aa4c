//! Character references of HTML: numbers, and the names that mail uses.

use alloc::{borrow::Cow, string::String};

use memchr::memchr;

/// How many octets of a reference are looked at, without its `&` and `;`.
pub(super) const LONGEST: usize = 32;

/// Appends what `&name;` stands for; `closed` if the `;` was there. What is no reference stands for
/// itself, and names that HTML has always let go without `;` may have more text behind them.
pub(super) fn resolve(name: &str, closed: bool, out: &mut String) {
    if let Some(number) = name.strip_prefix('#') {
        if let Some((letter, rest)) = numeric(number) {
            out.push(letter);
            out.push_str(rest);
            if closed && !rest.is_empty() {
                out.push(';');
            }
            return;
        }
    } else if closed && let Some(letter) = named(name) {
        return out.push(letter);
    } else {
        // From the longest on: `&notin` is not `&not` and `in`, where it is known.
        for length in (2..=name.len().min(LONGEST_OLD)).rev() {
            if let Some((head, rest)) = name.split_at_checked(length)
                && let Some(letter) = named(head).filter(|letter| *letter <= '\u{ff}')
            {
                out.push(letter);
                out.push_str(rest);
                if closed {
                    out.push(';');
                }
                return;
            }
        }
    }
    out.push('&');
    out.push_str(name);
    if closed {
        out.push(';');
    }
}

/// The text of an attribute's value, its references resolved.
pub(super) fn decode(value: &str) -> Cow<'_, str> {
    if memchr(b'&', value.as_bytes()).is_none() {
        return Cow::Borrowed(value);
    }
    let (mut out, mut rest) = (String::with_capacity(value.len()), value);
    while let Some((before, after)) = rest.split_once('&') {
        out.push_str(before);
        let end = after
            .bytes()
            .take(LONGEST)
            .position(|octet| !octet.is_ascii_alphanumeric() && octet != b'#')
            .unwrap_or(after.len().min(LONGEST));
        let Some((name, after)) = after.split_at_checked(end) else { break };
        let open = after.strip_prefix(';');
        resolve(name, open.is_some(), &mut out);
        rest = open.unwrap_or(after);
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// The character with the number that `text` starts with, and what follows the number.
fn numeric(text: &str) -> Option<(char, &str)> {
    let (digits, radix) = match text.strip_prefix(['x', 'X']) {
        Some(digits) => (digits, 16),
        None => (text, 10),
    };
    let end = digits.find(|letter: char| !letter.is_digit(radix)).unwrap_or(digits.len());
    let (digits, rest) = digits.split_at_checked(end)?;
    if digits.is_empty() {
        return None;
    }
    let letter = match u32::from_str_radix(digits, radix) {
        // Numbers that meant windows-1252.
        Ok(number @ 0x80..=0x9f) => {
            let octet = [number as u8];
            let text = encoding_rs::WINDOWS_1252.decode_without_bom_handling(&octet).0;
            text.chars().next()
        }
        Ok(number) => char::from_u32(number).filter(|letter| *letter != '\0'),
        Err(_) => None,
    };
    Some((letter.unwrap_or(char::REPLACEMENT_CHARACTER), rest))
}

fn named(name: &str) -> Option<char> {
    let at = NAMES.binary_search_by(|(known, _)| (*known).cmp(name)).ok()?;
    NAMES.get(at).map(|(_, letter)| *letter)
}

/// How long the names are that need no `;`: `thorn`, `Ccedil`, `frac12`, `Atilde`.
const LONGEST_OLD: usize = 6;

/// All names of HTML 4, and those of later ones for signs of ASCII and letters of Latin and Cyrillic.
#[rustfmt::skip]
pub(super) const NAMES: &[(&str, char)] = &[
    ("AElig", '\u{c6}'), ("AMP", '&'), ("Aacute", '\u{c1}'), ("Abreve", '\u{102}'),
    ("Acirc", '\u{c2}'), ("Acy", '\u{410}'), ("Agrave", '\u{c0}'), ("Alpha", '\u{391}'),
    ("Amacr", '\u{100}'), ("Aogon", '\u{104}'), ("Aring", '\u{c5}'), ("Atilde", '\u{c3}'),
    ("Auml", '\u{c4}'), ("Bcy", '\u{411}'), ("Beta", '\u{392}'), ("CHcy", '\u{427}'),
    ("COPY", '\u{a9}'), ("Cacute", '\u{106}'), ("Ccaron", '\u{10c}'), ("Ccedil", '\u{c7}'),
    ("Ccirc", '\u{108}'), ("Cdot", '\u{10a}'), ("Chi", '\u{3a7}'), ("DJcy", '\u{402}'),
    ("DScy", '\u{405}'), ("DZcy", '\u{40f}'), ("Dagger", '\u{2021}'), ("Dcaron", '\u{10e}'),
    ("Dcy", '\u{414}'), ("Delta", '\u{394}'), ("Dstrok", '\u{110}'), ("ENG", '\u{14a}'),
    ("ETH", '\u{d0}'), ("Eacute", '\u{c9}'), ("Ecaron", '\u{11a}'), ("Ecirc", '\u{ca}'),
    ("Ecy", '\u{42d}'), ("Edot", '\u{116}'), ("Egrave", '\u{c8}'), ("Emacr", '\u{112}'),
    ("Eogon", '\u{118}'), ("Epsilon", '\u{395}'), ("Eta", '\u{397}'), ("Euml", '\u{cb}'),
    ("Fcy", '\u{424}'), ("GJcy", '\u{403}'), ("GT", '>'), ("Gamma", '\u{393}'),
    ("Gbreve", '\u{11e}'), ("Gcedil", '\u{122}'), ("Gcirc", '\u{11c}'), ("Gcy", '\u{413}'),
    ("Gdot", '\u{120}'), ("HARDcy", '\u{42a}'), ("Hat", '^'), ("Hcirc", '\u{124}'),
    ("Hstrok", '\u{126}'), ("IEcy", '\u{415}'), ("IJlig", '\u{132}'), ("IOcy", '\u{401}'),
    ("Iacute", '\u{cd}'), ("Icirc", '\u{ce}'), ("Icy", '\u{418}'), ("Idot", '\u{130}'),
    ("Igrave", '\u{cc}'), ("Imacr", '\u{12a}'), ("Iogon", '\u{12e}'), ("Iota", '\u{399}'),
    ("Itilde", '\u{128}'), ("Iukcy", '\u{406}'), ("Iuml", '\u{cf}'), ("Jcirc", '\u{134}'),
    ("Jcy", '\u{419}'), ("Jsercy", '\u{408}'), ("Jukcy", '\u{404}'), ("KHcy", '\u{425}'),
    ("KJcy", '\u{40c}'), ("Kappa", '\u{39a}'), ("Kcedil", '\u{136}'), ("Kcy", '\u{41a}'),
    ("LJcy", '\u{409}'), ("LT", '<'), ("Lacute", '\u{139}'), ("Lambda", '\u{39b}'),
    ("Lcaron", '\u{13d}'), ("Lcedil", '\u{13b}'), ("Lcy", '\u{41b}'), ("Lmidot", '\u{13f}'),
    ("Lstrok", '\u{141}'), ("Mcy", '\u{41c}'), ("Mu", '\u{39c}'), ("NJcy", '\u{40a}'),
    ("Nacute", '\u{143}'), ("Ncaron", '\u{147}'), ("Ncedil", '\u{145}'), ("Ncy", '\u{41d}'),
    ("NewLine", '\n'), ("NoBreak", '\u{2060}'), ("Ntilde", '\u{d1}'), ("Nu", '\u{39d}'),
    ("OElig", '\u{152}'), ("Oacute", '\u{d3}'), ("Ocirc", '\u{d4}'), ("Ocy", '\u{41e}'),
    ("Odblac", '\u{150}'), ("Ograve", '\u{d2}'), ("Omacr", '\u{14c}'), ("Omega", '\u{3a9}'),
    ("Omicron", '\u{39f}'), ("Oslash", '\u{d8}'), ("Otilde", '\u{d5}'), ("Ouml", '\u{d6}'),
    ("Pcy", '\u{41f}'), ("Phi", '\u{3a6}'), ("Pi", '\u{3a0}'), ("Prime", '\u{2033}'),
    ("Psi", '\u{3a8}'), ("QUOT", '"'), ("REG", '\u{ae}'), ("Racute", '\u{154}'),
    ("Rcaron", '\u{158}'), ("Rcedil", '\u{156}'), ("Rcy", '\u{420}'), ("Rho", '\u{3a1}'),
    ("SHCHcy", '\u{429}'), ("SHcy", '\u{428}'), ("SOFTcy", '\u{42c}'), ("Sacute", '\u{15a}'),
    ("Scaron", '\u{160}'), ("Scedil", '\u{15e}'), ("Scirc", '\u{15c}'), ("Scy", '\u{421}'),
    ("Sigma", '\u{3a3}'), ("THORN", '\u{de}'), ("TRADE", '\u{2122}'), ("TSHcy", '\u{40b}'),
    ("TScy", '\u{426}'), ("Tab", '\t'), ("Tau", '\u{3a4}'), ("Tcaron", '\u{164}'),
    ("Tcedil", '\u{162}'), ("Tcy", '\u{422}'), ("Theta", '\u{398}'), ("Tstrok", '\u{166}'),
    ("Uacute", '\u{da}'), ("Ubrcy", '\u{40e}'), ("Ubreve", '\u{16c}'), ("Ucirc", '\u{db}'),
    ("Ucy", '\u{423}'), ("Udblac", '\u{170}'), ("Ugrave", '\u{d9}'), ("Umacr", '\u{16a}'),
    ("Uogon", '\u{172}'), ("Upsilon", '\u{3a5}'), ("Uring", '\u{16e}'), ("Utilde", '\u{168}'),
    ("Uuml", '\u{dc}'), ("Vcy", '\u{412}'), ("Wcirc", '\u{174}'), ("Xi", '\u{39e}'),
    ("YAcy", '\u{42f}'), ("YIcy", '\u{407}'), ("YUcy", '\u{42e}'), ("Yacute", '\u{dd}'),
    ("Ycirc", '\u{176}'), ("Ycy", '\u{42b}'), ("Yuml", '\u{178}'), ("ZHcy", '\u{416}'),
    ("Zacute", '\u{179}'), ("Zcaron", '\u{17d}'), ("Zcy", '\u{417}'), ("Zdot", '\u{17b}'),
    ("ZeroWidthSpace", '\u{200b}'), ("Zeta", '\u{396}'), ("aacute", '\u{e1}'),
    ("abreve", '\u{103}'), ("acirc", '\u{e2}'), ("acute", '\u{b4}'), ("acy", '\u{430}'),
    ("aelig", '\u{e6}'), ("agrave", '\u{e0}'), ("alefsym", '\u{2135}'), ("alpha", '\u{3b1}'),
    ("amacr", '\u{101}'), ("amp", '&'), ("and", '\u{2227}'), ("ang", '\u{2220}'),
    ("angst", '\u{c5}'), ("aogon", '\u{105}'), ("apos", '\''), ("aring", '\u{e5}'), ("ast", '*'),
    ("asymp", '\u{2248}'), ("atilde", '\u{e3}'), ("auml", '\u{e4}'), ("bcy", '\u{431}'),
    ("bdquo", '\u{201e}'), ("beta", '\u{3b2}'), ("blk14", '\u{2591}'), ("brvbar", '\u{a6}'),
    ("bsol", '\\'), ("bull", '\u{2022}'), ("bullet", '\u{2022}'), ("cacute", '\u{107}'),
    ("cap", '\u{2229}'), ("caret", '\u{2041}'), ("ccaron", '\u{10d}'), ("ccedil", '\u{e7}'),
    ("ccirc", '\u{109}'), ("cdot", '\u{10b}'), ("cedil", '\u{b8}'), ("cent", '\u{a2}'),
    ("centerdot", '\u{b7}'), ("chcy", '\u{447}'), ("check", '\u{2713}'), ("chi", '\u{3c7}'),
    ("circ", '\u{2c6}'), ("clubs", '\u{2663}'), ("colon", ':'), ("comma", ','), ("commat", '@'),
    ("cong", '\u{2245}'), ("copy", '\u{a9}'), ("copysr", '\u{2117}'), ("crarr", '\u{21b5}'),
    ("cross", '\u{2717}'), ("cup", '\u{222a}'), ("curren", '\u{a4}'), ("dArr", '\u{21d3}'),
    ("dagger", '\u{2020}'), ("darr", '\u{2193}'), ("dash", '\u{2010}'), ("dcaron", '\u{10f}'),
    ("dcy", '\u{434}'), ("deg", '\u{b0}'), ("delta", '\u{3b4}'), ("diams", '\u{2666}'),
    ("divide", '\u{f7}'), ("djcy", '\u{452}'), ("dollar", '$'), ("dscy", '\u{455}'),
    ("dstrok", '\u{111}'), ("dtri", '\u{25bf}'), ("dtrif", '\u{25be}'), ("dzcy", '\u{45f}'),
    ("eacute", '\u{e9}'), ("ecaron", '\u{11b}'), ("ecirc", '\u{ea}'), ("ecy", '\u{44d}'),
    ("edot", '\u{117}'), ("egrave", '\u{e8}'), ("emacr", '\u{113}'), ("empty", '\u{2205}'),
    ("emsp", '\u{2003}'), ("eng", '\u{14b}'), ("ensp", '\u{2002}'), ("eogon", '\u{119}'),
    ("epsilon", '\u{3b5}'), ("equals", '='), ("equiv", '\u{2261}'), ("eta", '\u{3b7}'),
    ("eth", '\u{f0}'), ("euml", '\u{eb}'), ("euro", '\u{20ac}'), ("excl", '!'),
    ("exist", '\u{2203}'), ("fcy", '\u{444}'), ("female", '\u{2640}'), ("flat", '\u{266d}'),
    ("fnof", '\u{192}'), ("forall", '\u{2200}'), ("frac12", '\u{bd}'), ("frac13", '\u{2153}'),
    ("frac14", '\u{bc}'), ("frac15", '\u{2155}'), ("frac18", '\u{215b}'), ("frac23", '\u{2154}'),
    ("frac34", '\u{be}'), ("frac38", '\u{215c}'), ("frac58", '\u{215d}'), ("frac78", '\u{215e}'),
    ("frasl", '\u{2044}'), ("gamma", '\u{3b3}'), ("gbreve", '\u{11f}'), ("gcirc", '\u{11d}'),
    ("gcy", '\u{433}'), ("gdot", '\u{121}'), ("ge", '\u{2265}'), ("gjcy", '\u{453}'),
    ("grave", '`'), ("gt", '>'), ("hArr", '\u{21d4}'), ("hairsp", '\u{200a}'), ("half", '\u{bd}'),
    ("hardcy", '\u{44a}'), ("harr", '\u{2194}'), ("hcirc", '\u{125}'), ("hearts", '\u{2665}'),
    ("heartsuit", '\u{2665}'), ("hellip", '\u{2026}'), ("horbar", '\u{2015}'),
    ("hstrok", '\u{127}'), ("hyphen", '\u{2010}'), ("iacute", '\u{ed}'), ("icirc", '\u{ee}'),
    ("icy", '\u{438}'), ("iecy", '\u{435}'), ("iexcl", '\u{a1}'), ("igrave", '\u{ec}'),
    ("ijlig", '\u{133}'), ("imacr", '\u{12b}'), ("image", '\u{2111}'), ("imath", '\u{131}'),
    ("infin", '\u{221e}'), ("inodot", '\u{131}'), ("int", '\u{222b}'), ("iocy", '\u{451}'),
    ("iogon", '\u{12f}'), ("iota", '\u{3b9}'), ("iquest", '\u{bf}'), ("isin", '\u{2208}'),
    ("itilde", '\u{129}'), ("iukcy", '\u{456}'), ("iuml", '\u{ef}'), ("jcirc", '\u{135}'),
    ("jcy", '\u{439}'), ("jsercy", '\u{458}'), ("jukcy", '\u{454}'), ("kappa", '\u{3ba}'),
    ("kcedil", '\u{137}'), ("kcy", '\u{43a}'), ("kgreen", '\u{138}'), ("khcy", '\u{445}'),
    ("kjcy", '\u{45c}'), ("lArr", '\u{21d0}'), ("lacute", '\u{13a}'), ("lambda", '\u{3bb}'),
    ("lang", '\u{2329}'), ("laquo", '\u{ab}'), ("larr", '\u{2190}'), ("lbrace", '{'),
    ("lbrack", '['), ("lcaron", '\u{13e}'), ("lcedil", '\u{13c}'), ("lceil", '\u{2308}'),
    ("lcub", '{'), ("lcy", '\u{43b}'), ("ldquo", '\u{201c}'), ("ldquor", '\u{201e}'),
    ("le", '\u{2264}'), ("leftarrow", '\u{2190}'), ("lfloor", '\u{230a}'), ("ljcy", '\u{459}'),
    ("lmidot", '\u{140}'), ("lowast", '\u{2217}'), ("lowbar", '_'), ("loz", '\u{25ca}'),
    ("lpar", '('), ("lrm", '\u{200e}'), ("lsaquo", '\u{2039}'), ("lsqb", '['),
    ("lsquo", '\u{2018}'), ("lsquor", '\u{201a}'), ("lstrok", '\u{142}'), ("lt", '<'),
    ("ltri", '\u{25c3}'), ("ltrif", '\u{25c2}'), ("macr", '\u{af}'), ("male", '\u{2642}'),
    ("mcy", '\u{43c}'), ("mdash", '\u{2014}'), ("micro", '\u{b5}'), ("middot", '\u{b7}'),
    ("minus", '\u{2212}'), ("mldr", '\u{2026}'), ("mu", '\u{3bc}'), ("nabla", '\u{2207}'),
    ("nacute", '\u{144}'), ("napos", '\u{149}'), ("natural", '\u{266e}'), ("nbsp", '\u{a0}'),
    ("ncaron", '\u{148}'), ("ncedil", '\u{146}'), ("ncy", '\u{43d}'), ("ndash", '\u{2013}'),
    ("ne", '\u{2260}'), ("nearr", '\u{2197}'), ("ni", '\u{220b}'), ("njcy", '\u{45a}'),
    ("nldr", '\u{2025}'), ("not", '\u{ac}'), ("notin", '\u{2209}'), ("nsub", '\u{2284}'),
    ("ntilde", '\u{f1}'), ("nu", '\u{3bd}'), ("num", '#'), ("numero", '\u{2116}'),
    ("numsp", '\u{2007}'), ("oacute", '\u{f3}'), ("ocirc", '\u{f4}'), ("ocy", '\u{43e}'),
    ("odblac", '\u{151}'), ("oelig", '\u{153}'), ("ograve", '\u{f2}'), ("ohm", '\u{3a9}'),
    ("oline", '\u{203e}'), ("omacr", '\u{14d}'), ("omega", '\u{3c9}'), ("omicron", '\u{3bf}'),
    ("oplus", '\u{2295}'), ("or", '\u{2228}'), ("ordf", '\u{aa}'), ("ordm", '\u{ba}'),
    ("oslash", '\u{f8}'), ("otilde", '\u{f5}'), ("otimes", '\u{2297}'), ("ouml", '\u{f6}'),
    ("para", '\u{b6}'), ("part", '\u{2202}'), ("pcy", '\u{43f}'), ("percnt", '%'), ("period", '.'),
    ("permil", '\u{2030}'), ("perp", '\u{22a5}'), ("phi", '\u{3c6}'), ("phone", '\u{260e}'),
    ("pi", '\u{3c0}'), ("piv", '\u{3d6}'), ("plus", '+'), ("plusmn", '\u{b1}'), ("pound", '\u{a3}'),
    ("prime", '\u{2032}'), ("prod", '\u{220f}'), ("prop", '\u{221d}'), ("psi", '\u{3c8}'),
    ("puncsp", '\u{2008}'), ("quest", '?'), ("quot", '"'), ("rArr", '\u{21d2}'),
    ("racute", '\u{155}'), ("radic", '\u{221a}'), ("rang", '\u{232a}'), ("raquo", '\u{bb}'),
    ("rarr", '\u{2192}'), ("rbrace", '}'), ("rbrack", ']'), ("rcaron", '\u{159}'),
    ("rcedil", '\u{157}'), ("rceil", '\u{2309}'), ("rcub", '}'), ("rcy", '\u{440}'),
    ("rdquo", '\u{201d}'), ("rdquor", '\u{201d}'), ("real", '\u{211c}'), ("reg", '\u{ae}'),
    ("rfloor", '\u{230b}'), ("rho", '\u{3c1}'), ("rightarrow", '\u{2192}'), ("rlm", '\u{200f}'),
    ("rpar", ')'), ("rsaquo", '\u{203a}'), ("rsqb", ']'), ("rsquo", '\u{2019}'),
    ("rsquor", '\u{2019}'), ("rtri", '\u{25b9}'), ("rtrif", '\u{25b8}'), ("sacute", '\u{15b}'),
    ("sbquo", '\u{201a}'), ("scaron", '\u{161}'), ("scedil", '\u{15f}'), ("scirc", '\u{15d}'),
    ("scy", '\u{441}'), ("sdot", '\u{22c5}'), ("sect", '\u{a7}'), ("semi", ';'),
    ("sharp", '\u{266f}'), ("shchcy", '\u{449}'), ("shcy", '\u{448}'), ("shy", '\u{ad}'),
    ("sigma", '\u{3c3}'), ("sigmaf", '\u{3c2}'), ("sim", '\u{223c}'), ("softcy", '\u{44c}'),
    ("sol", '/'), ("spades", '\u{2660}'), ("squ", '\u{25a1}'), ("squf", '\u{25aa}'),
    ("star", '\u{2606}'), ("starf", '\u{2605}'), ("sub", '\u{2282}'), ("sube", '\u{2286}'),
    ("sum", '\u{2211}'), ("sung", '\u{266a}'), ("sup", '\u{2283}'), ("sup1", '\u{b9}'),
    ("sup2", '\u{b2}'), ("sup3", '\u{b3}'), ("supe", '\u{2287}'), ("szlig", '\u{df}'),
    ("tau", '\u{3c4}'), ("tcaron", '\u{165}'), ("tcedil", '\u{163}'), ("tcy", '\u{442}'),
    ("there4", '\u{2234}'), ("theta", '\u{3b8}'), ("thetasym", '\u{3d1}'), ("thinsp", '\u{2009}'),
    ("thorn", '\u{fe}'), ("tilde", '\u{2dc}'), ("times", '\u{d7}'), ("trade", '\u{2122}'),
    ("tscy", '\u{446}'), ("tshcy", '\u{45b}'), ("tstrok", '\u{167}'), ("uArr", '\u{21d1}'),
    ("uacute", '\u{fa}'), ("uarr", '\u{2191}'), ("ubrcy", '\u{45e}'), ("ubreve", '\u{16d}'),
    ("ucirc", '\u{fb}'), ("ucy", '\u{443}'), ("udblac", '\u{171}'), ("ugrave", '\u{f9}'),
    ("umacr", '\u{16b}'), ("uml", '\u{a8}'), ("uogon", '\u{173}'), ("upsih", '\u{3d2}'),
    ("upsilon", '\u{3c5}'), ("uring", '\u{16f}'), ("utilde", '\u{169}'), ("utri", '\u{25b5}'),
    ("utrif", '\u{25b4}'), ("uuml", '\u{fc}'), ("vcy", '\u{432}'), ("verbar", '|'), ("vert", '|'),
    ("wcirc", '\u{175}'), ("weierp", '\u{2118}'), ("xi", '\u{3be}'), ("xlarr", '\u{27f5}'),
    ("xrarr", '\u{27f6}'), ("yacute", '\u{fd}'), ("yacy", '\u{44f}'), ("ycirc", '\u{177}'),
    ("ycy", '\u{44b}'), ("yen", '\u{a5}'), ("yicy", '\u{457}'), ("yucy", '\u{44e}'),
    ("yuml", '\u{ff}'), ("zacute", '\u{17a}'), ("zcaron", '\u{17e}'), ("zcy", '\u{437}'),
    ("zdot", '\u{17c}'), ("zeta", '\u{3b6}'), ("zhcy", '\u{436}'), ("zwj", '\u{200d}'),
    ("zwnj", '\u{200c}'),
];
