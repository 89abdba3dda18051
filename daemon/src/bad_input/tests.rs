//! The corpus replayed, and changes of it: a fixed handful, or as many as time allows.

use std::fs;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::changes::changed;
use super::targets::{TARGETS, Target};
use crate::simulation::dice::Dice;

/// Changes of each target's corpus in an ordinary run.
const CHANGES: u64 = 300;

/// How long a target has its turn: their readers differ a hundredfold in speed.
const TURN: Duration = Duration::from_millis(100);

fn folder(target: &Target) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target.name)
}

fn corpus(target: &Target) -> Vec<Vec<u8>> {
    let files = fs::read_dir(folder(target)).unwrap();
    let mut files: Vec<PathBuf> = files.map(|file| file.unwrap().path()).collect();
    files.sort();
    assert!(!files.is_empty(), "no corpus for {}", target.name);
    files.iter().map(|file| fs::read(file).unwrap()).collect()
}

/// Whether the target takes the input without a panic.
fn stands(target: &Target, input: &[u8]) -> bool {
    let run = target.run;
    catch_unwind(|| run(input)).is_ok()
}

#[test]
fn the_corpus_breaks_nothing() {
    for target in TARGETS {
        for input in corpus(target) {
            let text = String::from_utf8_lossy(&input);
            assert!(stands(target, &input), "{}: {text:?}", target.name);
        }
    }
}

#[test]
fn changes_of_the_corpus_break_nothing() {
    for target in TARGETS {
        let (inputs, mut dice) = (corpus(target), Dice::new(1));
        for _ in 0..CHANGES {
            let input = changed(&inputs, &mut dice);
            let text = String::from_utf8_lossy(&input);
            assert!(stands(target, &input), "{}: {text:?}", target.name);
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the test's own switch")]
fn switch(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().expect("a number"))
}

/// `cargo xtask fuzz` alone has this do something: all targets in turns until the time is over.
/// What breaks one is kept in the corpus, so that it is replayed from then on.
#[test]
fn nothing_breaks_for_as_long_as_asked() {
    let Some(seconds) = switch("SECKILL_FUZZ_SECONDS") else { return };
    let seed = switch("SECKILL_FUZZ_SEED").unwrap_or(1);
    let until = Instant::now() + Duration::from_secs(seconds);
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    let broken: Vec<String> = std::thread::scope(|scope| {
        let works = (0..threads as u64)
            .map(|thread| scope.spawn(move || search(Dice::new(seed << 16 | thread), until)));
        let works: Vec<_> = works.collect();
        works.into_iter().flat_map(|work| work.join().unwrap()).collect()
    });
    assert!(broken.is_empty(), "seed {seed}: {}", broken.join("\n"));
}

fn search(mut dice: Dice, until: Instant) -> Vec<String> {
    let corpora: Vec<_> = TARGETS.iter().map(corpus).collect();
    let (mut inputs_run, mut broken) = (0, Vec::new());
    while Instant::now() < until && broken.is_empty() {
        for (target, inputs) in TARGETS.iter().zip(&corpora) {
            let turn = Instant::now() + TURN;
            while Instant::now() < turn {
                let input = changed(inputs, &mut dice);
                inputs_run += 1;
                if !stands(target, &input) {
                    let file = folder(target).join(format!("found-{:016x}", dice.next()));
                    fs::write(&file, &input).unwrap();
                    broken.push(format!("{} breaks it", file.display()));
                    break;
                }
            }
        }
    }
    println!("{inputs_run} inputs to {} targets", TARGETS.len());
    broken
}
