//! `sink ADDRESS LOG`: the ceiling of durable delivery on this machine.

fn main() -> std::io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let (Some(address), Some(log)) = (arguments.next(), arguments.next()) else {
        return Err(std::io::Error::other("usage: sink ADDRESS LOG"));
    };
    posthaste_benches::sink::run(address.parse().map_err(std::io::Error::other)?, log.as_ref())
}
