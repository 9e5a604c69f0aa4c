//! How a connection is let in and counted, the same for every adapter.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use posthaste_core::gate::{Admission, Gate};
use posthaste_core::machine::Reason;

use crate::control::{Control, count};
use crate::link::Fault;

/// A connection that is counted at the gate, until this is dropped.
#[derive(Debug)]
pub struct Guest {
    control: Arc<Control>,
    /// Nobody yet, for a proxy that has not said whose connection it carries.
    counted: Option<IpAddr>,
    /// Who it is, as far as that is known.
    pub peer: SocketAddr,
    /// Whether it comes from a trusted network.
    pub trusted: bool,
    /// Whether it has to be quick.
    pub strained: bool,
    /// It is to be refused, in the words of its protocol.
    pub refused: Option<Reason>,
}

impl Guest {
    /// Lets a new connection in, or nobody. Where TLS is `implicit` there are no words to refuse it with.
    #[must_use]
    pub fn enter(control: &Arc<Control>, peer: SocketAddr, implicit: bool) -> Option<Self> {
        count(&control.figures.accepted);
        Self::judge(control, peer, implicit)
    }

    /// Lets in a new connection of a listed proxy, for which somebody will be
    /// [introduced](Self::introduce).
    #[must_use]
    pub fn enter_proxy(control: &Arc<Control>, proxy: SocketAddr) -> Option<Self> {
        count(&control.figures.accepted);
        if control.at_gate(Gate::admit_proxy) != Admission::Accept {
            count(&control.figures.dropped);
            return None;
        }
        let control = Arc::clone(control);
        Some(Self {
            control,
            counted: None,
            peer: proxy,
            trusted: false,
            strained: false,
            refused: None,
        })
    }

    /// The proxy has said whose connection it is: judges that one. If it says no, close the connection.
    #[must_use]
    pub fn introduce(&mut self, peer: SocketAddr, implicit: bool) -> bool {
        match Self::judge(&self.control, peer, implicit) {
            Some(guest) => {
                // The old one leaves.
                *self = guest;
                true
            }
            None => false,
        }
    }

    fn judge(control: &Arc<Control>, peer: SocketAddr, implicit: bool) -> Option<Self> {
        let now = control.now();
        let (admission, trusted) =
            control.at_gate(|gate| (gate.admit(now, peer.ip()), gate.limits().trusts(peer.ip())));
        let refused = match admission {
            Admission::Accept | Admission::Strain => None,
            Admission::Drop => {
                count(&control.figures.dropped);
                return None;
            }
            Admission::Refuse(why) => Some(why),
        };
        let control = Arc::clone(control);
        let strained = admission == Admission::Strain;
        let guest = Self { control, counted: Some(peer.ip()), peer, trusted, strained, refused };
        if refused.is_some() && implicit {
            // A handshake only to say no costs more than it is worth.
            count(&guest.control.figures.dropped);
            return None;
        }
        if refused.is_some() {
            count(&guest.control.figures.refused);
        }
        Some(guest)
    }

    /// Counts and logs what broke the connection.
    pub fn lost(&self, fault: &Fault, handshaking: bool) {
        let figures = &self.control.figures;
        match fault {
            Fault::Tls(_) => count(&figures.handshakes_failed),
            Fault::Timeout if handshaking => count(&figures.handshakes_late),
            Fault::Timeout => count(&figures.stalled),
            Fault::NoTls => tracing::error!("a session asked for TLS that is not there"),
            Fault::Proxy => {
                count(&figures.proxy_errors);
                tracing::warn!(proxy = %self.peer, "a listed proxy sent no PROXY header");
            }
            Fault::Socket(_) => {}
        }
        tracing::debug!(peer = %self.peer, %fault, "connection lost");
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        self.control.at_gate(|gate| match self.counted {
            Some(peer) => gate.leave(peer),
            None => gate.leave_proxy(),
        });
    }
}
