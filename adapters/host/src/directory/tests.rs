use super::*;
use crate::config::{Alias, Names};
use posthaste_core::machine::Fingerprint;
use posthaste_core::sasl::{Hash, Verifier};
use posthaste_core::text::Secret;

fn alias(address: &str, to: &[&str]) -> Alias {
    Alias { address: address.to_owned(), to: to.iter().map(|to| (*to).to_owned()).collect() }
}

fn names(aliases: Vec<Alias>) -> Names {
    Names {
        domains: vec!["example.test".to_owned(), "Second.TEST".to_owned()],
        default_domain: Some("localhost.test".to_owned()),
        aliases,
        ..Names::default()
    }
}

fn directory(aliases: Vec<Alias>) -> Directory {
    let directory = Directory::new(Rules::new(&names(aliases)).unwrap());
    for (id, name) in [(3, "alice@example.test"), (5, "bob@example.test"), (4, "alice@second.test")]
    {
        let settings = Settings { name: name.into(), ..Settings::default() };
        directory.put(Account { id: AccountId(id), quota: None, settings });
    }
    directory
}

fn ids(resolved: Resolved) -> Vec<u32> {
    match resolved {
        Resolved::Local(accounts) => accounts.iter().map(|account| account.id.0).collect(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn names_are_compared_without_regard_to_case() {
    let directory = directory(vec![]);
    assert_eq!(ids(directory.resolve("ALICE@Example.Test")), [3]);
    assert_eq!(ids(directory.resolve("alice@second.test")), [4]);
    assert_eq!(ids(directory.resolve("\"alice\"@second.test")), [4]);
    assert_eq!(directory.resolve("carol@example.test"), Resolved::Unknown);
    assert_eq!(directory.resolve("alice@elsewhere.test"), Resolved::NotLocal);
    assert_eq!(directory.resolve("alice"), Resolved::Unknown);
}

#[test]
fn routing_tricks_are_plain_local_parts() {
    let directory = directory(vec![]);
    for trick in ["bob%elsewhere.test@example.test", "elsewhere.test!bob@example.test"] {
        assert_eq!(directory.resolve(trick), Resolved::Unknown);
    }
    assert_eq!(directory.resolve("\"bob@elsewhere.test\"@example.test"), Resolved::Unknown);
    for trick in ["bob@example.test@elsewhere.test", "bob@example.test.", "bob@[127.0.0.1]"] {
        assert!(!matches!(directory.resolve(trick), Resolved::Local(_)), "{trick}");
    }
}

#[test]
fn what_stands_behind_the_sign_does_not_matter() {
    let directory = directory(vec![alias("sales@example.test", &["bob@example.test"])]);
    assert_eq!(ids(directory.resolve("alice+anything+more@example.test")), [3]);
    assert_eq!(ids(directory.resolve("sales+x@example.test")), [5]);
    assert_eq!(directory.resolve("+alice@example.test"), Resolved::Unknown);
}

#[test]
fn aliases_lead_through_aliases_to_each_account_once() {
    let directory = directory(vec![
        alias("all@example.test", &["staff@example.test", "Bob@example.test"]),
        alias("staff@example.test", &["alice+staff@example.test", "bob@example.test"]),
        alias("gone@example.test", &["nobody@example.test"]),
    ]);
    let mut all = ids(directory.resolve("all@example.test"));
    all.sort_unstable();
    assert_eq!(all, [3, 5]);
    assert_eq!(directory.resolve("gone@example.test"), Resolved::Unknown);
}

#[test]
fn a_loop_among_aliases_is_an_error_that_names_the_way() {
    let aliases = vec![
        alias("a@example.test", &["b@example.test"]),
        alias("b@example.test", &["bob@example.test", "c@example.test"]),
        alias("c@example.test", &["b@example.test"]),
    ];
    let Err(RulesError::AliasLoop(path)) = Rules::new(&names(aliases)) else { panic!() };
    assert_eq!(path.first(), path.last());
    assert_eq!(path.len(), 3);
    let own = vec![alias("a@example.test", &["A@example.test"])];
    let error = Rules::new(&names(own)).unwrap_err();
    assert_eq!(error.to_string(), "aliases form a loop: a@example.test -> a@example.test");
}

#[test]
fn aliases_are_bounded_and_local() {
    let chain = (0..=ALIAS_LINKS)
        .map(|n| alias(&format!("a{n}@example.test"), &[&format!("a{}@example.test", n + 1)]))
        .collect();
    assert!(matches!(Rules::new(&names(chain)), Err(RulesError::AliasTooDeep(_))));
    let far = vec![alias("a@example.test", &["b@elsewhere.test"])];
    assert!(matches!(Rules::new(&names(far)), Err(RulesError::NotLocal(_))));
    let twice = vec![alias("a@example.test", &["bob@example.test"]); 2];
    assert!(matches!(Rules::new(&names(twice)), Err(RulesError::AliasTwice(_))));
    let wide: Vec<String> =
        (0..=rules::ALIAS_TARGETS).map(|n| format!("u{n}@example.test")).collect();
    let wide = vec![Alias { address: "a@example.test".to_owned(), to: wide }];
    assert!(matches!(Rules::new(&names(wide)), Err(RulesError::AliasTooWide(_))));
}
const ALIAS_LINKS: usize = rules::ALIAS_DEPTH;

// RFC: 5321-4.5.1-2 5321-4.5.1-3
#[test]
fn the_postmaster_is_always_somebody() {
    let directory = directory(vec![]);
    for postmaster in
        ["postmaster", "PostMaster", "postmaster@second.test", "Postmaster@EXAMPLE.test"]
    {
        assert_eq!(ids(directory.resolve(postmaster)), [3], "the first account made");
    }
    assert_eq!(directory.resolve("postmaster@elsewhere.test"), Resolved::NotLocal);
    let mut set = names(vec![]);
    set.postmaster = Some("bob@example.test".to_owned());
    directory.reload(Rules::new(&set).unwrap());
    assert_eq!(ids(directory.resolve("postmaster@second.test")), [5]);
    for id in [3, 4, 5] {
        directory.remove(AccountId(id));
    }
    assert_eq!(directory.resolve("postmaster"), Resolved::Unavailable);
}

#[test]
fn who_signs_in_may_leave_the_default_domain_out() {
    let directory = directory(vec![]);
    let settings = Settings { name: "carol@localhost.test".into(), ..Settings::default() };
    directory.put(Account { id: AccountId(9), quota: None, settings });
    assert_eq!(directory.by_name("Carol").unwrap().id.0, 9);
    assert_eq!(directory.by_name("alice@EXAMPLE.test").unwrap().id.0, 3);
    assert!(directory.by_name("alice").is_none());
    directory.reload(Rules::new(&Names { default_domain: None, ..names(vec![]) }).unwrap());
    assert!(directory.by_name("carol").is_none());
}

#[test]
fn an_account_owns_what_leads_to_it() {
    let directory = directory(vec![alias("sales@example.test", &["bob@example.test"])]);
    let settings = Settings {
        name: "bob@example.test".into(),
        addresses: vec!["robert@example.test".into()],
        ..Settings::default()
    };
    let bob = directory.put(Account { id: AccountId(5), quota: None, settings });
    for address in
        ["Bob@example.test", "bob+x@example.test", "sales@example.test", "robert@example.test"]
    {
        assert!(directory.owns(&bob, address), "{address}");
    }
    for address in ["alice@example.test", "bob@second.test", "bob@elsewhere.test", ""] {
        assert!(!directory.owns(&bob, address), "{address}");
    }
    assert!(directory.by_name("robert@example.test").is_none(), "not a name to sign in with");
    directory.remove(AccountId(5));
    assert_eq!(directory.resolve("robert@example.test"), Resolved::Unknown);
}

#[test]
fn settings_come_back_and_damage_is_seen() {
    let settings = Settings {
        name: "alice@example.test".into(),
        created: 1_700_000_000,
        hash: PasswordHash("$argon2id$v=19$m=8,t=1,p=1$c2FsdA$aGFzaA".into()),
        scram: [Hash::Sha256, Hash::Sha1]
            .map(|hash| Verifier::derive(hash, Secret::new(b"geheim"), &[7; 16], 2))
            .into(),
        addresses: vec!["a@b".into(), "c@d".into()],
        certificates: vec![Fingerprint([1; 32]), Fingerprint([2; 32])],
    };
    let octets = settings.encode();
    assert_eq!(Settings::decode(&octets), Ok(settings));
    for n in 0..octets.len() {
        assert_eq!(Settings::decode(&octets[..n]), Err(Unreadable), "cut at {n}");
    }
    assert_eq!(Settings::decode(&[octets.as_slice(), b"x"].concat()), Err(Unreadable));
    let plain = Settings::default();
    assert_eq!(Settings::decode(&plain.encode()), Ok(plain));
}
