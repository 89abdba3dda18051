//! What a reload of the configuration leaves in the database: the products that it lacked, and the
//! entry in the audit log, in one transaction.

use domain::ports::Seed;
use domain::ports::desk::{ListedSeed, Reload};

use crate::engine::error::JobError;
use crate::engine::tx::Tx;
use crate::operators::audit::Effect;
use crate::sale::products;

/// Puts in those products that are absent. One that exists keeps what the database has. The answer
/// says what became of each.
pub(super) fn note(tx: &Tx<'_>, reload: &Reload) -> Result<Effect, JobError> {
    let seeds: Vec<Seed> = reload.seeds.iter().map(|listed| listed.seed.clone()).collect();
    let added = products::seed(tx.connection, &seeds, tx.now.0)?;
    if !added.is_empty() {
        tx.note_change();
    }
    let is_kept = |listed: &&ListedSeed| !added.contains(&listed.seed.prod_id);
    let kept = reload.seeds.iter().filter(is_kept).map(|listed| listed.note_if_kept.clone());
    let mut state = reload.state.clone();
    state.notes.extend(kept);
    state.products_added = added;
    Effect::new(reload.before.clone(), reload.after.clone(), &state)
}
