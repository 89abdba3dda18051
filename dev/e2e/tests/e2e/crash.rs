//! The sale on the embedded queue with the daemon killed or stopped in its midst.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use seckill_e2e::buyers::{Crowd, Ledger, Progress};
use seckill_e2e::checker::Books;
use seckill_e2e::daemon::{Daemon, Options};
use seckill_e2e::process::STOP_MAX;
use seckill_e2e::until;
use tokio::task::JoinHandle;

use crate::sale::judge;

/// A crowd under way.
pub(crate) struct Sale {
    pub(crate) crowd: Crowd,
    pub(crate) progress: Arc<Progress>,
    running: JoinHandle<Result<Ledger>>,
}

impl Sale {
    pub(crate) fn begin(crowd: Crowd) -> Self {
        let progress = Arc::<Progress>::default();
        let running = tokio::spawn(crowd.clone().run(Arc::clone(&progress)));
        Self { crowd, progress, running }
    }

    /// Waits until so many buyers were answered that they are queued.
    pub(crate) async fn queued(&self, buyers: usize) -> Result<()> {
        until("the sale's midst", Duration::from_secs(60), || async {
            ensure!(!self.running.is_finished(), "the sale is over already");
            Ok((buyers <= self.progress.queued()).then_some(()))
        })
        .await
    }

    /// Whether everybody has a final answer.
    pub(crate) fn is_over(&self) -> bool {
        self.running.is_finished()
    }

    pub(crate) async fn end(self, database: &std::path::Path) -> Result<()> {
        let ledger = self.running.await.context("the crowd's task")??;
        println!("{} buyers: {:?}", self.crowd.buyers, ledger.took);
        judge(database, self.crowd, &ledger).await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_twice_in_mid_sale() -> Result<()> {
    let mut daemon = Daemon::start(Options::embedded()).await?;
    let sale = Sale::begin(Crowd::of_the_sale(vec![daemon.gateway_url()]));
    for queued in [60, 180] {
        sale.queued(queued).await?;
        daemon.kill9()?;
        daemon = daemon.restart().await?;
    }
    sale.end(&daemon.database()).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stopped_under_load_and_started_again() -> Result<()> {
    let mut daemon = Daemon::start(Options::embedded()).await?;
    let sale = Sale::begin(Crowd::of_the_sale(vec![daemon.gateway_url()]));
    sale.queued(100).await?;
    let stopped = daemon.terminate().await?;
    assert_eq!(stopped.status.code(), Some(0), "{stopped:?}");
    assert!(stopped.took < STOP_MAX);
    // What was answered "queueing" is in the file, placed or queued: the judge finds each id later.
    let books = Books::read(&daemon.database())?;
    let kept = books.sold("pid_0002") + usize::try_from(books.queued())?;
    assert!(100 <= kept, "{kept} of at least 100 orders are in the file");
    let daemon = daemon.restart().await?;
    sale.end(&daemon.database()).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_signal_forces_the_end() -> Result<()> {
    let mut daemon = Daemon::start(Options::embedded()).await?;
    // A request that never ends keeps the first stop waiting for its deadline.
    let address = daemon.gateway_address()?;
    let mut stuck = tokio::net::TcpStream::connect(address).await?;
    tokio::io::AsyncWriteExt::write_all(
        &mut stuck,
        b"POST /api/charge.do HTTP/1.1\r\nhost: a\r\ncontent-length: 99\r\n\r\nx",
    )
    .await?;
    daemon.signal(rustix::process::Signal::INT)?;
    let stopped = daemon.terminate().await?;
    assert!(stopped.took < STOP_MAX, "{stopped:?}");
    Ok(())
}
