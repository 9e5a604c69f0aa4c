//! One thread of the load.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use posthaste_core::machine::Reason;
use posthaste_mio::Clients;

use super::live::{Live, Stop};
use super::plan::Plan;
use super::shift::{Maker, Shift};
use super::tally::Tally;

/// How long what is under way may take when it was told to stop.
const GRACE: Duration = Duration::from_secs(5);

/// Does the part of thread `thread`, and tells what came of it.
pub(super) fn work(plan: &Arc<Plan>, live: &Arc<Live>, thread: usize) -> io::Result<Tally> {
    let shift = Rc::new(RefCell::new(Shift::new(plan, live, thread)));
    let maker = Maker(Rc::clone(&shift));
    let mut clients = Clients::new(plan.peer.clone(), plan.limits, maker)?;
    let mut stopped: Option<Instant> = None;
    loop {
        let todo = shift.borrow_mut().plan(clients.open());
        for _ in 0..todo.connect {
            let (call, source) = {
                let mut shift = shift.borrow_mut();
                (shift.call(), shift.source())
            };
            // It may fail at once, and then the shift hears of it.
            clients.connect_from(call, source);
        }
        if todo.over && clients.open() == 0 {
            break;
        }
        let stop = live.stop();
        if stop != Stop::No {
            let since = *stopped.get_or_insert_with(Instant::now);
            if stop == Stop::Abort || since.elapsed() > GRACE {
                clients.abort(Reason::Shutdown);
                continue;
            }
        }
        let wait = todo.wake.saturating_sub(plan.now());
        let until = clients.now() + Duration::from_micros(wait);
        clients.turn(Some(until))?;
    }
    let mut shift = shift.borrow_mut();
    shift.end();
    Ok(std::mem::replace(&mut shift.tally, Tally::new()))
}
