//! Memory, start and size.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use seckill_e2e::daemon::{Daemon, Options};
use seckill_e2e::process::Running;

use crate::stage::{Stage, Watch, charges, embedded, gateway, load, pause, resume, stop};
use crate::table::{Row, Wanted};

/// Longer than any start; it is measured, not judged, here.
const START_MAX: Duration = Duration::from_secs(20);

const KIB_PER_MIB: f64 = 1024.0;

#[expect(clippy::cast_precision_loss, reason = "mebibytes for people")]
fn mebibytes(daemon: &Daemon) -> Result<f64> {
    Ok(daemon.usage()?.rss_kib as f64 / KIB_PER_MIB)
}

/// Sends so many charges of different buyers.
async fn charge(daemon: &Daemon, first_buyer: u64, count: u64, code: &str) -> Result<()> {
    let mut charges = charges(first_buyer, 300.0);
    charges.push(("requests-max", count.to_string()));
    load(&gateway(daemon)?, &charges).await?.only(code)?;
    Ok(())
}

pub(super) async fn memory(stage: &Stage) -> Result<Vec<Row>> {
    let (hundred_thousand, million) =
        (100_000 / stage.size.divisor, 1_000_000 / stage.size.divisor);
    let daemon = stage.daemon(embedded(1)).await?;
    let watch = Watch::over(&daemon.database())?;
    let rest = mebibytes(&daemon)?;
    pause(&daemon).await?;
    charge(&daemon, 0, hundred_thousand, "10000").await?;
    let queued = mebibytes(&daemon)?;
    resume(&daemon).await?;
    watch.until_sold(hundred_thousand).await?;
    let placed = mebibytes(&daemon)?;
    // The same buyers again and again: a million charges, and nothing to remember.
    for _ in 0..10 {
        charge(&daemon, 0, hundred_thousand, "10000").await?;
    }
    let repeated = mebibytes(&daemon)?;
    charge(&daemon, hundred_thousand, million - hundred_thousand, "10000").await?;
    watch.until_sold(million).await?;
    let bought = mebibytes(&daemon)?;
    stop(daemon).await?;
    #[expect(clippy::cast_precision_loss, reason = "bytes for people")]
    let each = (bought - placed) * KIB_PER_MIB * 1024.0 / (million - hundred_thousand) as f64;
    let row = |what: &str, value, wanted| Row::measured("memory", what, "MiB", &[value], wanted);
    Ok(vec![
        row("resident at rest", rest, Wanted::Below(40.0)),
        row(&format!("resident with {hundred_thousand} queued"), queued, Wanted::Below(150.0)),
        row(
            &format!("growth by {} charges of buyers who are known", hundred_thousand * 10),
            repeated - placed,
            Wanted::Below(10.0),
        ),
        row(&format!("resident with {million} buyers served"), bought, Wanted::Nothing)
            .note(format!("{each:.0} bytes per buyer, who is remembered while the product is")),
    ])
}

pub(super) async fn start(stage: &Stage) -> Result<Vec<Row>> {
    let (mut fresh, mut again) = (Vec::new(), Vec::new());
    for _ in 0..stage.size.rounds * 2 {
        let folder = stage.folder()?;
        fresh.push(started(folder.path()).await?);
        again.push(started(folder.path()).await?);
    }
    let size = std::fs::metadata(program(stage)?)?.len();
    #[expect(clippy::cast_precision_loss, reason = "mebibytes for people")]
    let size = size as f64 / (1024.0 * 1024.0);
    let row = |what: &str, values: &[f64]| {
        Row::measured("start", what, "ms", values, Wanted::Below(150.0))
    };
    Ok(vec![
        row("start to first answer, no database yet", &fresh),
        row("start to first answer, database there", &again),
        Row::measured("start", "size of the program", "MiB", &[size], Wanted::Nothing),
    ])
}

fn program(stage: &Stage) -> Result<std::path::PathBuf> {
    Ok(embedded(1).command(stage.folder()?.path(), "run")?.get_program().into())
}

/// Milliseconds from starting the process to its first answer.
async fn started(folder: &Path) -> Result<f64> {
    let free = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?;
    let options: Options = embedded(1).set("gateway.listen", free.to_string());
    let mut command = options.command(folder, "run")?;
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let start = Instant::now();
    let mut running = Running(command.spawn()?);
    while !answers(free) {
        if START_MAX < start.elapsed() {
            bail!("no answer within {START_MAX:?}: {:?}", running.0.try_wait()?);
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    Ok(start.elapsed().as_secs_f64() * 1e3)
}

/// Whether a query is answered with 200.
fn answers(address: SocketAddr) -> bool {
    let ask = || -> std::io::Result<bool> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(Duration::from_secs(1)))?;
        stream.write_all(
            b"GET /api/query.do?userPhoneNum=10000000000&prodId=pid_0001 HTTP/1.1\r\n\
              host: 127.0.0.1\r\nconnection: close\r\n\r\n",
        )?;
        let mut begin = [0; 12];
        stream.read_exact(&mut begin)?;
        Ok(begin.ends_with(b" 200"))
    };
    ask().unwrap_or(false)
}
