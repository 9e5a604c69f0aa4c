//! The factory that makes the session of each connection, by the settings of its listener as they are
//! when it comes.

use std::sync::Arc;

use arc_swap::ArcSwap;
use posthaste_core::gate::Arrival;
use posthaste_host::{Host, Session};
use posthaste_tls::{Factory, InboxOf};

use super::machines::Settings;

pub(crate) struct Sessions {
    host: Arc<Host>,
    settings: Arc<ArcSwap<Settings>>,
}

impl Sessions {
    pub(crate) fn new(host: Arc<Host>, settings: Arc<ArcSwap<Settings>>) -> Self {
        Self { host, settings }
    }
}

impl Factory for Sessions {
    type Session = Session;

    fn make(&self, arrival: &Arrival, inbox: &Arc<InboxOf<Self>>, key: u64) -> Session {
        let settings = self.settings.load();
        let machines = settings.of(arrival.listener, arrival.peer.ip(), arrival.trusted);
        self.host.session(machines, arrival, inbox, key)
    }
}
