//! The admin endpoints over a real socket and a real database.

mod commands;
mod events;
mod export;
mod orders;
mod views;

use std::os::unix::net::UnixStream as StdUnixStream;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use arc_swap::ArcSwap;
use domain::ports::desk::{Asked, Carried, Command, Operation, OperatorDesk, Reload};
use domain::ports::{BoxFuture, Cause};
use edge::EdgeCounters;
use protocol::{
    ClockState, ConfigEntry, ConfigPage, Controls, EpochMs, Phase, Phone, QueryData, Refusal,
    ReloadState, Snapshot,
};
use serde_json::Value;
use store_sqlite::Store;
use store_sqlite::testing::Fixture;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::{
    Access, AdminSocket, Owners, Parts, ReloadError, Rules, SaleIsOpen, StatusSource,
    UndecidedOrder, serve,
};
use crate::config::{Others, Role};
use crate::observe::metrics::{Figures, Scraper, Source};

const DEADLINE: Duration = Duration::from_secs(20);

/// A state that the test sets.
#[derive(Default)]
struct Shown(Mutex<Snapshot>);

impl StatusSource for Shown {
    fn snapshot(&self) -> BoxFuture<'_, Snapshot> {
        Box::pin(async { self.0.lock().unwrap().clone() })
    }
}

impl Source for Shown {
    fn figures(&self) -> BoxFuture<'_, Figures> {
        let snapshot = self.0.lock().unwrap().clone();
        Box::pin(async { Figures { snapshot, ..Figures::default() } })
    }
}

/// Owners that note what they were asked to do.
#[derive(Default)]
struct Noted {
    applied: Mutex<Vec<Controls>>,
    level: Mutex<String>,
    stopped: CancellationToken,
    undecided: Mutex<Vec<UndecidedOrder>>,
    /// What a broker says of its lag; `None` on the embedded queue.
    outside: Mutex<Option<Result<u64, Cause>>>,
    /// What the order node tells of a buyer.
    elsewhere: Mutex<Option<QueryData>>,
    /// By how much the sale's clock would be set; `None` while a product is open.
    clock_ahead_ms: Mutex<Option<i64>>,
    /// What a reload is refused with; else it is noted here.
    refuses_reload: Mutex<Option<Refusal>>,
    store: OnceLock<Store>,
}

impl Owners for Noted {
    fn apply<'a>(&'a self, controls: &'a Controls) -> BoxFuture<'a, ()> {
        Box::pin(async { self.applied.lock().unwrap().push(controls.clone()) })
    }

    fn log_level(&self) -> String {
        self.level.lock().unwrap().clone()
    }

    fn set_log_level(&self, level: &str) -> Result<(), String> {
        level.clone_into(&mut self.level.lock().unwrap());
        Ok(())
    }

    fn clock_adoptable(&self) -> Result<i64, SaleIsOpen> {
        self.clock_ahead_ms.lock().unwrap().ok_or(SaleIsOpen)
    }

    fn adopt_clock(&self) -> Result<ClockState, SaleIsOpen> {
        let mut ahead = self.clock_ahead_ms.lock().unwrap();
        let set_ms = ahead.ok_or(SaleIsOpen)?;
        *ahead = Some(0);
        Ok(ClockState { set_ms, now: EpochMs(0) })
    }

    fn reload(&self, asked: Asked) -> BoxFuture<'_, Result<Carried, ReloadError>> {
        Box::pin(async {
            if let Some(refusal) = self.refuses_reload.lock().unwrap().clone() {
                return Err(refusal.into());
            }
            let state = ReloadState {
                generation: 2,
                changed: Vec::new(),
                products_added: Vec::new(),
                notes: Vec::new(),
            };
            let (seeds, before, after) = (Vec::new(), Value::Null, Value::Null);
            let reload = Reload { seeds, before, after, state };
            let command = Command { asked, operation: Operation::Reload(Box::new(reload)) };
            Ok(self.store.get().unwrap().carry_out(command).await?)
        })
    }

    fn shut_down(&self) {
        self.stopped.cancel();
    }

    fn is_stopping(&self) -> bool {
        self.stopped.is_cancelled()
    }

    fn undecided(&self) -> BoxFuture<'_, Result<Vec<UndecidedOrder>, Cause>> {
        Box::pin(async { Ok(self.undecided.lock().unwrap().clone()) })
    }

    fn waiting_outside(&self) -> Option<BoxFuture<'_, Result<u64, Cause>>> {
        let told = self.outside.lock().unwrap().clone()?;
        Some(Box::pin(async { told }))
    }

    fn query_elsewhere<'a>(&'a self, _: &'a Phone) -> BoxFuture<'a, Result<Vec<QueryData>, Cause>> {
        let told = self.elsewhere.lock().unwrap().clone();
        Box::pin(async { told.map(|order| vec![order]).ok_or(Cause("it is away".to_owned())) })
    }
}

/// An admin socket that answers, with everything behind it.
struct Served {
    fixture: Fixture,
    shown: Arc<Shown>,
    owners: Arc<Noted>,
    folder: TempDir,
    cancel: CancellationToken,
    serving: JoinHandle<std::io::Result<()>>,
}

const BOTH: [Role; 2] = [Role::Gateway, Role::Order];

/// Who this test's process is at the socket.
#[derive(Clone, Copy, PartialEq, Eq)]
enum We {
    Operate,
    View,
    Nothing,
}

impl Served {
    /// From now on nothing can be written into the audit log.
    fn refuse_audit(&self) {
        let other = rusqlite::Connection::open(self.fixture.path()).unwrap();
        other
            .execute_batch(
                "CREATE TRIGGER no_audit BEFORE INSERT ON seckill_audit
                   BEGIN SELECT RAISE(ABORT, 'on purpose'); END",
            )
            .unwrap();
    }

    async fn with(we: We, roles: &[Role]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let fixture = Fixture::with_stock(5);
        let snapshot =
            Snapshot { name: "seckilld".to_owned(), phase: Phase::Serving, ..Snapshot::default() };
        let shown = Arc::new(Shown(Mutex::new(snapshot)));
        let owners = Arc::new(Noted::default());
        owners.store.set(fixture.store.clone()).ok();
        let uid = rustix::process::geteuid().as_raw();
        let access = match we {
            We::Operate => {
                Access::new(Rules { own_uid: uid, operators: None, others: Others::None })
            }
            We::View => Access::of_a_stranger(Others::View),
            We::Nothing => Access::of_a_stranger(Others::None),
        };
        let entry = ConfigEntry {
            key: "gateway.listen".to_owned(),
            value: "127.0.0.1:8070".into(),
            source: "built-in default".to_owned(),
        };
        let parts = Parts {
            source: shown.clone(),
            metrics: Arc::new(Scraper::new(shown.clone())),
            owners: owners.clone(),
            operators: Arc::new(fixture.store.clone()),
            lists: Arc::new(fixture.store.clone()),
            database: fixture.store.files().path,
            access: Arc::new(access),
            config: Arc::new(ArcSwap::from_pointee(ConfigPage { keys: vec![entry] })),
            roles: roles.to_vec(),
            resend_per_s: 100_u32.into(),
            tell_trouble: Arc::new(|_| ()),
        };
        let socket = AdminSocket::bind(&folder.path().join("admin.sock"), None).unwrap();
        let cancel = CancellationToken::new();
        let counters = Arc::new(EdgeCounters::default());
        let serving = tokio::spawn(serve(socket, parts, counters, cancel.clone()));
        Self { fixture, shown, owners, folder, cancel, serving }
    }

    async fn operated() -> Self {
        Self::with(We::Operate, &BOTH).await
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("admin.sock")
    }

    /// Status and body of one request; the head is in the third place.
    async fn ask(&self, line: &str, headers: &str, body: &str) -> (u16, Value, String) {
        let mut stream = UnixStream::connect(self.path()).await.unwrap();
        let length = body.len();
        let request = format!(
            "{line} HTTP/1.1\r\nhost: seckilld\r\nconnection: close\r\n\
             content-length: {length}\r\n{headers}\r\n{body}"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        tokio::time::timeout(DEADLINE, stream.read_to_string(&mut answer)).await.unwrap().unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (status, serde_json::from_str(body).unwrap_or_default(), head.to_owned())
    }

    async fn get(&self, path: &str) -> (u16, Value) {
        let (status, body, _) = self.ask(&format!("GET {path}"), "", "").await;
        (status, body)
    }

    async fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        let (status, body, _) = self.ask(&format!("POST {path}"), "", &body.to_string()).await;
        (status, body)
    }

    async fn patch(&self, path: &str, body: &Value) -> (u16, Value) {
        let (status, body, _) = self.ask(&format!("PATCH {path}"), "", &body.to_string()).await;
        (status, body)
    }

    /// Ends it; the socket's file must be gone then.
    async fn end(self) {
        self.cancel.cancel();
        tokio::time::timeout(DEADLINE, self.serving).await.unwrap().unwrap().unwrap();
        assert!(StdUnixStream::connect(self.folder.path().join("admin.sock")).is_err());
        assert!(!self.folder.path().join("admin.sock").exists());
    }
}
