//! A daemon that is none: it shows the state that a test gives it, notes each command, and can be
//! killed and started again on the same socket.

use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Frame, Incoming};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use protocol::{
    DeadLetterView, DeadLettersPage, Line, OrderView, OrdersPage, PeerView, Refusal, RefusalCode,
    Snapshot,
};
use serde::Serialize;
use serde_json::{Value, json};
use tokio::net::UnixListener;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use super::fixtures;

const HEARTBEAT: Duration = Duration::from_secs(2);

/// What the next command is answered.
#[derive(Debug, Default)]
pub(crate) enum Mood {
    #[default]
    CarryOut,
    Refuse(RefusalCode, &'static str),
    /// The command is noted, and the connection cut before the answer.
    CutOff,
}

/// All that the daemon is.
#[derive(Default)]
struct State {
    snapshot: Snapshot,
    you: Option<PeerView>,
    orders: Vec<OrderView>,
    dead_letters: Vec<DeadLetterView>,
    asked: Vec<String>,
    mood: Mood,
    streams: Vec<mpsc::Sender<Bytes>>,
}

/// The daemon; dropped, it is killed.
pub(crate) struct Fake {
    socket: PathBuf,
    state: Arc<Mutex<State>>,
    commands: watch::Sender<Vec<(String, Value)>>,
    serving: Option<JoinSet<()>>,
}

impl Fake {
    pub(crate) fn start(socket: &Path, snapshot: Snapshot, you: PeerView) -> Self {
        let state = State {
            snapshot,
            you: Some(you),
            orders: fixtures::orders_of_all_states(),
            dead_letters: fixtures::dead_letters(),
            ..State::default()
        };
        let state = Arc::new(Mutex::new(state));
        let (commands, _) = watch::channel(Vec::new());
        let mut fake = Self { socket: socket.to_owned(), state, commands, serving: None };
        fake.serve();
        fake
    }

    /// Starts again, as another process.
    pub(crate) fn restart(&mut self, snapshot: Snapshot) {
        self.state().snapshot = snapshot;
        self.serve();
    }

    /// As `kill -9` does: the socket's file stays, and nobody listens.
    pub(crate) fn kill(&mut self) {
        self.serving = None;
        self.state().streams.clear();
    }

    fn serve(&mut self) {
        let _ = std::fs::remove_file(&self.socket);
        let listener = UnixListener::bind(&self.socket).unwrap();
        let (state, commands) = (self.state.clone(), self.commands.clone());
        let mut serving = JoinSet::new();
        serving.spawn(beat(state.clone()));
        serving.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (state, commands) = (state.clone(), commands.clone());
                connections.spawn(async move {
                    let service = service_fn(move |request| {
                        let (state, commands) = (state.clone(), commands.clone());
                        async move { answer(&state, &commands, request).await }
                    });
                    let server = hyper::server::conn::http1::Builder::new();
                    let _ = server.serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
        self.serving = Some(serving);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    pub(crate) fn set_mood(&self, mood: Mood) {
        self.state().mood = mood;
    }

    /// What was asked for beside the stream, paths with their queries.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.state().asked.clone()
    }

    /// Changes the state, and tells all who listen.
    pub(crate) fn change(&self, change: impl FnOnce(&mut Snapshot)) {
        change_state(&mut self.state(), change);
    }

    /// Leaves one number out, as if a line had been lost.
    pub(crate) fn lose_a_line(&self) {
        self.state().snapshot.seq += 1;
    }

    /// Waits until so many commands have come, and returns them.
    pub(crate) async fn commands(&self, count: usize) -> Vec<(String, Value)> {
        let mut commands = self.commands.subscribe();
        let come = commands.wait_for(|commands| count <= commands.len());
        tokio::time::timeout(super::stage::DEADLINE, come).await.expect("commands").unwrap().clone()
    }
}

/// A silent daemon is a lost one, however long a test takes on a busy machine.
async fn beat(state: Arc<Mutex<State>>) {
    let mut ticks = tokio::time::interval(HEARTBEAT);
    loop {
        ticks.tick().await;
        let mut state = state.lock().unwrap();
        let line = Line::Heartbeat { seq: state.snapshot.seq, at: state.snapshot.at };
        let line = encoded(&line);
        state.streams.retain(|stream| stream.try_send(line.clone()).is_ok());
    }
}

fn change_state(state: &mut State, change: impl FnOnce(&mut Snapshot)) {
    let mut newer = state.snapshot.clone();
    change(&mut newer);
    let changes = state.snapshot.changes_to(&newer);
    let mut seq = state.snapshot.seq;
    for change in changes {
        seq += 1;
        let line = Line::Change { seq, at: newer.at, change: Box::new(change) };
        let line = encoded(&line);
        state.streams.retain(|stream| stream.try_send(line.clone()).is_ok());
    }
    newer.seq = seq;
    state.snapshot = newer;
}

fn encoded(line: &Line) -> Bytes {
    let mut text = serde_json::to_vec(line).unwrap();
    text.push(b'\n');
    text.into()
}

type Answer = Response<BoxBody<Bytes, Infallible>>;

fn whole(status: StatusCode, body: &impl Serialize) -> Answer {
    let body = Full::from(serde_json::to_vec(body).unwrap()).boxed();
    Response::builder().status(status).body(body).unwrap()
}

async fn answer(
    state: &Mutex<State>,
    commands: &watch::Sender<Vec<(String, Value)>>,
    request: Request<Incoming>,
) -> Result<Answer, std::io::Error> {
    let path = request.uri().to_string();
    if request.method() == Method::POST {
        let body = request.into_body().collect().await.unwrap().to_bytes();
        let body: Value = serde_json::from_slice(&body).unwrap();
        let answer = carry_out(&mut state.lock().unwrap(), &path, &body);
        commands.send_modify(|commands| commands.push((path, body)));
        return answer.ok_or_else(|| std::io::Error::other("cut off"));
    }
    Ok(shown(&mut state.lock().unwrap(), path))
}

/// `None` cuts the connection.
fn carry_out(state: &mut State, path: &str, body: &Value) -> Option<Answer> {
    match std::mem::take(&mut state.mood) {
        Mood::CarryOut => {}
        Mood::CutOff => return None,
        Mood::Refuse(code, msg) => {
            let status = StatusCode::from_u16(code.status()).unwrap();
            return Some(whole(status, &Refusal::new(code, msg)));
        }
    }
    let switch = |to: bool| {
        move |snapshot: &mut Snapshot| {
            snapshot.controls.intake.as_mut().unwrap().paused = to;
            snapshot.controls.drain = None;
        }
    };
    match path {
        "/v1/intake/pause" => change_state(state, switch(true)),
        "/v1/intake/resume" => change_state(state, switch(false)),
        "/v1/consumption/pause" | "/v1/consumption/resume" => change_state(state, |snapshot| {
            let switch = snapshot.controls.consumption.as_mut().unwrap();
            switch.paused = path.ends_with("pause");
        }),
        _ => {}
    }
    let done = json!({ "request_id": body["request_id"], "audit_id": 17, "state": {} });
    Some(whole(StatusCode::OK, &done))
}

fn shown(state: &mut State, path: String) -> Answer {
    let you = state.you.clone().unwrap();
    let (name, query) = path.split_once('?').unwrap_or((&path, ""));
    let answer = match name {
        "/v1/events" => {
            let (sender, receiver) = mpsc::channel(1_024);
            let snapshot = Box::new(state.snapshot.clone());
            sender.try_send(encoded(&Line::Snapshot { snapshot, you })).unwrap();
            state.streams.push(sender);
            return Response::new(Lines(receiver).boxed());
        }
        "/v1/orders" => {
            let page =
                OrdersPage { orders: state.orders.clone(), next: None, unlisted: Vec::new() };
            whole(StatusCode::OK, &page)
        }
        "/v1/dead-letters" => {
            let dead_letters = state.dead_letters.clone();
            let total = u64::try_from(dead_letters.len()).unwrap();
            let newest = dead_letters.last().map(|letter| letter.id);
            let (next, unlisted) = (None, Vec::new());
            let page = DeadLettersPage { dead_letters, next, total, newest, unlisted };
            whole(StatusCode::OK, &page)
        }
        _ => match state.orders.iter().find(|order| name.ends_with(&*order.order_id.text())) {
            Some(order) => {
                let mut history = fixtures::history(order.clone());
                history.phone = query.contains("reveal=phone").then(|| "15200001001".into());
                whole(StatusCode::OK, &history)
            }
            None => whole(
                StatusCode::NOT_FOUND,
                &Refusal::new(RefusalCode::NotFound, "no such endpoint"),
            ),
        },
    };
    state.asked.push(path);
    answer
}

/// Lines as they come.
struct Lines(mpsc::Receiver<Bytes>);

impl Body for Lines {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.poll_recv(context).map(|line| line.map(|line| Ok(Frame::data(line))))
    }
}
