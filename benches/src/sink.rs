//! The smallest durable sink that can be written: one epoll thread, one log, one committer that syncs
//! once for all that wait and answers them itself. No parser worth the name, no mailbox, no index. What
//! it reaches is the ceiling for a server on the same machine.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream as StdStream};
use std::os::fd::{AsRawFd, FromRawFd, IntoRawFd};
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex};
use std::thread;

use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};

/// Messages that wait for the next sync, with the sockets to answer.
#[derive(Default)]
struct Batch {
    octets: Vec<u8>,
    sockets: Vec<StdStream>,
}

type Queue = Arc<(Mutex<Batch>, Condvar)>;

/// Serves SMTP and LMTP at `address` until the process ends; messages go to the file `log`.
///
/// # Errors
/// If it cannot listen, or the log cannot be written.
pub fn run(address: SocketAddr, log: &Path) -> io::Result<()> {
    let log = File::options().create(true).append(true).open(log)?;
    let queue = Queue::default();
    let committer = Arc::clone(&queue);
    thread::spawn(move || commit(log, &committer));

    let mut listener = listen(address)?;
    let mut poll = Poll::new()?;
    poll.registry().register(&mut listener, Token(0), Interest::READABLE)?;
    let mut sessions: HashMap<usize, (TcpStream, Session)> = HashMap::new();
    let mut events = Events::with_capacity(1024);
    let mut buffer = vec![0; 64 * 1024];
    loop {
        if let Err(error) = poll.poll(&mut events, None)
            && error.kind() != io::ErrorKind::Interrupted
        {
            return Err(error);
        }
        for event in &events {
            if event.token() == Token(0) {
                while let Ok((mut stream, _)) = listener.accept() {
                    let _ = stream.set_nodelay(true);
                    let _ = stream.write(b"220 sink\r\n");
                    let token = stream.as_raw_fd() as usize + 1;
                    poll.registry().register(&mut stream, Token(token), Interest::READABLE)?;
                    sessions.insert(token, (stream, Session::default()));
                }
                continue;
            }
            let token = event.token().0;
            let Some((stream, session)) = sessions.get_mut(&token) else { continue };
            loop {
                match stream.read(&mut buffer) {
                    Ok(n) if n > 0 => {
                        session.feed(&buffer[..n], stream, &queue)?;
                        if n < buffer.len() {
                            break;
                        }
                    }
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                    _ => {
                        sessions.remove(&token);
                        break;
                    }
                }
            }
        }
    }
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    use socket2::{Domain, Socket, Type};
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(4096)?;
    Ok(TcpListener::from_std(socket.into()))
}

fn commit(mut log: File, queue: &Queue) {
    let mut batch = Batch::default();
    loop {
        {
            let (waiting, signal) = &**queue;
            let mut waiting = waiting.lock().expect("no panic holds this lock");
            while waiting.sockets.is_empty() {
                waiting = signal.wait(waiting).expect("no panic holds this lock");
            }
            std::mem::swap(&mut *waiting, &mut batch);
        }
        log.write_all(&batch.octets)
            .and_then(|()| log.sync_data())
            .expect("the log takes the batch");
        for mut socket in batch.sockets.drain(..) {
            let _ = socket.write(b"250 ok\r\n");
            // The reading side owns the descriptor.
            let _ = socket.into_raw_fd();
        }
        batch.octets.clear();
    }
}

#[derive(Default)]
struct Session {
    line: Vec<u8>,
    message: Vec<u8>,
    in_body: bool,
}

impl Session {
    fn feed(&mut self, mut octets: &[u8], stream: &mut TcpStream, queue: &Queue) -> io::Result<()> {
        let mut out: Vec<u8> = Vec::new();
        while !octets.is_empty() {
            if self.in_body {
                let before = self.message.len().saturating_sub(4);
                self.message.extend_from_slice(octets);
                let Some(at) = memchr::memmem::find(&self.message[before..], b"\r\n.\r\n") else {
                    break;
                };
                let end = before + at + 5;
                let rest = self.message.len() - end;
                octets = &octets[octets.len() - rest..];
                let (waiting, signal) = &**queue;
                let mut waiting = waiting.lock().expect("no panic holds this lock");
                waiting.octets.extend_from_slice(&self.message[..end - 3]);
                // SAFETY: the descriptor is open while the session is; the committer gives it back
                // with `into_raw_fd` and never closes it.
                waiting.sockets.push(unsafe { StdStream::from_raw_fd(stream.as_raw_fd()) });
                signal.notify_one();
                drop(waiting);
                self.message.clear();
                self.in_body = false;
                continue;
            }
            let (line, rest) = match octets.iter().position(|&c| c == b'\n') {
                Some(at) => octets.split_at(at + 1),
                None => (octets, &[][..]),
            };
            self.line.extend_from_slice(line);
            octets = rest;
            if self.line.ends_with(b"\n") {
                match self.line[0] | 0x20 {
                    b'd' => {
                        out.extend_from_slice(b"354 go\r\n");
                        self.in_body = true;
                    }
                    b'q' => out.extend_from_slice(b"221 bye\r\n"),
                    _ => out.extend_from_slice(b"250 ok\r\n"),
                }
                self.line.clear();
            }
        }
        if !out.is_empty() {
            let _ = stream.write(&out)?;
        }
        Ok(())
    }
}
