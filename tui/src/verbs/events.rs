//! `seckillctl events`: what happens, as it happens. The table has the notable events, those of the
//! first state included; the JSON has every line as it is on the socket.

use std::io::Write;

use protocol::{Change, Line, Notable};

use crate::args::Shape;
use crate::client;
use crate::exit::Fault;
use crate::text::{moment, printable};
use crate::verbs::desk::{Desk, Printed};

/// Prints until the stream ends, which is always a fault: a daemon that is gone has no more events.
pub(crate) async fn run(desk: &Desk, shape: Shape, out: &mut dyn Write) -> Result<Printed, Fault> {
    if shape.json { lines(desk, out).await } else { notables(desk, out).await }
}

/// Every line as it is on the socket.
pub(crate) async fn lines(desk: &Desk, out: &mut dyn Write) -> Result<Printed, Fault> {
    let mut stream = client::events(&desk.socket).await?;
    let mut last = None;
    while let Some(line) = stream.next_raw().await? {
        write(out, &[&line[..], b"\n"].concat())?;
        last = Some(line);
    }
    match last.and_then(|line| serde_json::from_slice(&line).ok()) {
        Some(Line::Closing { reason }) => Err(ended(desk, &reason)),
        _ => Err(ended(desk, "without a word")),
    }
}

async fn notables(desk: &Desk, out: &mut dyn Write) -> Result<Printed, Fault> {
    let mut stream = client::events(&desk.socket).await?;
    while let Some(line) = stream.next().await? {
        match line {
            Line::Snapshot { snapshot, .. } => {
                write(out, snapshot.notables.iter().map(row).collect::<String>().as_bytes())?;
            }
            Line::Change { change, .. } => {
                if let Change::Notable(notable) = *change {
                    write(out, row(&notable).as_bytes())?;
                }
            }
            Line::Heartbeat { .. } => {}
            Line::Closing { reason } => return Err(ended(desk, &reason)),
        }
    }
    Err(ended(desk, "without a word"))
}

/// The columns are as wide as their longest words, since nobody knows what is still to come.
fn row(notable: &Notable) -> String {
    format!(
        "{}  {:<7}  {:<9}  {}\n",
        moment(notable.at),
        notable.severity.as_str(),
        notable.kind.as_str(),
        printable(&notable.text),
    )
}

fn write(out: &mut dyn Write, bytes: &[u8]) -> Result<(), Fault> {
    out.write_all(bytes).and_then(|()| out.flush()).map_err(Fault::Output)
}

/// The daemon ended the stream.
pub(crate) fn ended(desk: &Desk, why: &str) -> Fault {
    Fault::unreachable(&desk.socket, format!("the daemon ended the stream: {}", printable(why)))
}
