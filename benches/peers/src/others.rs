//! What is measured of the parsers written in Rust by others, each at its best.

use mail_parser::{HeaderForm, HeaderName, HeaderValue, Message, MessageBuffers, MessageParser};

/// mail-parser 1.0 as it is configured by default.
pub fn configured() -> MessageParser {
    MessageParser::new()
}

/// mail-parser 1.0 told to look into no value that it does not need for the structure.
pub fn ignoring() -> MessageParser {
    NAMES.split_whitespace().fold(
        MessageParser::new().unknown_headers(HeaderForm::Ignore),
        |parser, name| {
            let name = HeaderName::parse(name).expect("a name");
            assert!(!name.is_other(), "mail-parser knows all of them");
            parser.header(name, HeaderForm::Ignore)
        },
    )
}

/// As [`ignoring`], but for the fields of ENVELOPE.
pub fn envelope() -> MessageParser {
    let addresses =
        ["From", "Sender", "Reply-To", "To", "Cc", "Bcc"].map(|name| (name, HeaderForm::Addresses));
    let ids = ["Message-ID", "In-Reply-To"].map(|name| (name, HeaderForm::MessageIds));
    let others = [("Date", HeaderForm::Date), ("Subject", HeaderForm::Text)];
    addresses.into_iter().chain(ids).chain(others).fold(ignoring(), |parser, (name, form)| {
        parser.header(HeaderName::parse(name).expect("a name"), form)
    })
}

/// Parses into storage that is used again, then `look`s.
pub fn parsed(
    parser: MessageParser,
    mut look: impl FnMut(&Message<'_>) -> usize,
) -> impl FnMut(&[u8]) -> usize {
    let mut buffers = MessageBuffers::new();
    move |bytes| {
        let Some(message) = parser.parse_with(bytes, &mut buffers) else { return 0 };
        let found = look(&message);
        buffers = message.into_buffers();
        found
    }
}

/// How many parts there are.
pub fn parts(message: &Message<'_>) -> usize {
    message.parts().len()
}

/// Looks at all decoded values.
pub fn values(message: &Message<'_>) -> usize {
    let value = |value: HeaderValue<'_>| match value {
        HeaderValue::Text(text) => text.len(),
        HeaderValue::TextList(list) => list.iter().map(str::len).sum(),
        HeaderValue::Address(list) => list
            .mailboxes()
            .map(|mailbox| {
                mailbox.name().map_or(0, str::len) + mailbox.address().map_or(0, str::len)
            })
            .sum(),
        HeaderValue::ContentType(found) => {
            found.ctype().len() + found.attributes().map(|(_, value)| value.len()).sum::<usize>()
        }
        HeaderValue::DateTime(date) => date.to_timestamp() as usize & 1,
        HeaderValue::Empty | HeaderValue::Received(_) => 0,
    };
    message.parts().flat_map(|part| part.headers().iter()).map(|header| value(header.value())).sum()
}

/// Looks at all values and decodes all bodies, into storage that is used again.
pub fn bodies() -> impl FnMut(&Message<'_>) -> usize {
    let (mut content, mut text) = (Vec::new(), String::new());
    move |message| {
        std::hint::black_box(values(message));
        let mut sum = 0;
        for part in message.parts() {
            if part.is_multipart() || part.is_message() {
                continue;
            }
            text.clear();
            if part.is_text() && part.text_into(&mut text) {
                sum += text.len();
            } else {
                content.clear();
                part.decode_into(&mut content);
                sum += content.len();
            }
        }
        sum
    }
}

/// As [`bodies`], but bodies that stand as they are need not be copied.
pub fn borrowed_bodies(message: &Message<'_>) -> usize {
    std::hint::black_box(values(message));
    let leaves = message.parts().filter(|part| !part.is_multipart() && !part.is_message());
    leaves
        .map(|part| match part.text() {
            Some(text) => text.len(),
            None => part.decoded().len(),
        })
        .sum()
}

/// mail-parser 0.11 decodes all there is while it parses.
pub fn before(bytes: &[u8]) -> usize {
    fn octets(message: &mail_parser_0::Message<'_>, parts: &mut usize) -> usize {
        use mail_parser_0::PartType;
        *parts += message.parts.len();
        let octets = |part: &mail_parser_0::MessagePart<'_>| match &part.body {
            PartType::Text(text) | PartType::Html(text) => text.len(),
            PartType::Binary(content) | PartType::InlineBinary(content) => content.len(),
            PartType::Message(message) => octets(message, parts),
            PartType::Multipart(_) => 0,
        };
        message.parts.iter().map(octets).sum()
    }
    mail_parser_0::MessageParser::default()
        .parse(bytes)
        .map_or(0, |message| octets(&message, &mut 0))
}

/// mailparse, structure alone.
pub fn mailparse(bytes: &[u8]) -> usize {
    mailparse::parse_mail(bytes).map_or(0, |mail| mail.parts().count())
}

/// mailparse, all values and bodies.
pub fn mailparse_full(bytes: &[u8]) -> usize {
    let Ok(mail) = mailparse::parse_mail(bytes) else { return 0 };
    let mut sum = 0;
    for part in mail.parts() {
        for header in part.get_headers() {
            std::hint::black_box(header.get_value());
        }
        if part.subparts.is_empty() {
            sum += if part.ctype.mimetype.starts_with("text/") {
                part.get_body().map_or(0, |body| body.len())
            } else {
                part.get_body_raw().map_or(0, |body| body.len())
            };
        }
    }
    sum
}

/// encodify, base64 in lines, whole.
pub fn base64() -> impl FnMut(&[u8]) -> usize {
    let mut out = Vec::new();
    move |body| {
        out.clear();
        _ = encodify::base64::MIME.decode_append(body, &mut out);
        out.len()
    }
}

/// encodify, quoted-printable, whole.
pub fn printable() -> impl FnMut(&[u8]) -> usize {
    let mut out = Vec::new();
    move |body| {
        out.clear();
        _ = encodify::qp::BODY.decode_append(body, &mut out);
        out.len()
    }
}

/// The names that mail-parser 1.0 parses into values or keeps raw by default.
const NAMES: &str = "\
    Subject From To Cc Date Bcc Reply-To Sender Comments In-Reply-To Keywords Received \
    Message-ID References Return-Path MIME-Version Content-Description Content-ID \
    Content-Language Content-Location Resent-To Resent-From Resent-Bcc Resent-Cc Resent-Sender \
    Resent-Date Resent-Message-ID List-Archive List-Help List-ID List-Owner List-Post \
    List-Subscribe List-Unsubscribe DKIM-Signature ARC-Authentication-Results \
    ARC-Message-Signature ARC-Seal DKIM2-Signature Message-Instance Accept-Language \
    Alternate-Recipient Archived-At Authentication-Results Auto-Submitted Autoforwarded \
    Autosubmitted Content-Alternative Content-Duration Content-features Content-MD5 \
    Content-Translation-Type Conversion Conversion-With-Loss DL-Expansion-History \
    Deferred-Delivery Delivery-Date Discarded-X400-IPMS-Extensions \
    Discarded-X400-MTS-Extensions Disclose-Recipients Disposition-Notification-Options \
    Disposition-Notification-To Downgraded-Final-Recipient Downgraded-In-Reply-To \
    Downgraded-Message-Id Downgraded-Original-Recipient Downgraded-References Encoding Expires \
    Generate-Delivery-Report HP-Outer Importance Incomplete-Copy Language Latest-Delivery-Time \
    List-Unsubscribe-Post Message-Context Message-Type MMHS-Exempted-Address \
    MMHS-Extended-Authorisation-Info MMHS-Subject-Indicator-Codes MMHS-Handling-Instructions \
    MMHS-Message-Instructions MMHS-Codress-Message-Indicator MMHS-Originator-Reference \
    MMHS-Primary-Precedence MMHS-Copy-Precedence MMHS-Message-Type \
    MMHS-Other-Recipients-Indicator-To MMHS-Other-Recipients-Indicator-CC \
    MMHS-Acp127-Message-Identifier MMHS-Originator-PLAD MT-Priority Organization \
    Original-Encoded-Information-Types Original-From Original-Message-ID Original-Recipient \
    Originator-Return-Address Original-Subject PICS-Label Prevent-NonDelivery-Report Priority \
    Received-SPF Reply-By Require-Recipient-Valid-Since Sensitivity Solicitation Supersedes \
    TLS-Report-Domain TLS-Report-Submitter TLS-Required VBR-Info X400-Content-Identifier \
    X400-Content-Return X400-Content-Type X400-MTS-Identifier X400-Originator X400-Received \
    X400-Recipients X400-Trace Apparently-To Author CFBL-Address CFBL-Feedback-ID Delivered-To \
    EDIINT-Features Eesst-Version Errors-To Face Form-Sub Jabber-ID MMHS-Authorizing-Users \
    Privicon SIO-Label SIO-Label-History Wrong-Recipient \
    ";
