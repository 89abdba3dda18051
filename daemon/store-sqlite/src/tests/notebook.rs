//! The notebook's contract over a database in a file.

use domain::ports::Outgoing;
use domain::ports::contract::notebook::{
    NotebookRig, a_note_is_what_was_written_last_under_its_name,
    an_identity_stays_and_is_nobody_elses, sends_are_kept_until_they_are_forgotten,
    what_a_closed_notebook_refuses_is_not_kept,
};
use tempfile::TempDir;

use super::{outgoing, settings};
use crate::Store;

struct Rig {
    store: Store,
    folder: TempDir,
}

impl Rig {
    fn fresh() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { store: opened(&folder), folder }
    }
}

fn opened(folder: &TempDir) -> Store {
    Store::open(&settings(folder.path().join("store.db")), &[]).unwrap()
}

impl NotebookRig for Rig {
    type Notebook = Store;

    fn notebook(&self) -> &Store {
        &self.store
    }

    fn order(&self, number: u32) -> Outgoing {
        outgoing(&format!("order-{number}"), number)
    }

    async fn close(&mut self) {
        self.store.close().await.unwrap();
    }

    async fn open(&mut self) {
        self.store = opened(&self.folder);
    }
}

#[tokio::test]
async fn sends() {
    sends_are_kept_until_they_are_forgotten(&mut Rig::fresh()).await;
}

#[tokio::test]
async fn notes() {
    a_note_is_what_was_written_last_under_its_name(&mut Rig::fresh()).await;
}

#[tokio::test]
async fn identity() {
    an_identity_stays_and_is_nobody_elses(&mut Rig::fresh(), &Rig::fresh()).await;
}

#[tokio::test]
async fn refusals() {
    what_a_closed_notebook_refuses_is_not_kept(&mut Rig::fresh()).await;
}
