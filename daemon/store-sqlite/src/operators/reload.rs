//! What a reload of the configuration leaves in the database: the products that it lacked, and the
//! entry in the audit log, in one transaction.

use domain::ports::Seed;
use protocol::ReloadState;
use serde_json::{Value, json};

use crate::Store;
use crate::engine::error::CommandError;
use crate::engine::tx::Tx;
use crate::operators::audit::{Carried, Command, Effect};
use crate::sale::products;

impl Store {
    /// Puts in those products that are absent and logs the reload, whose answer is `state` with
    /// what became of them. One that exists keeps what the database has. `generation` is the one
    /// that was in force.
    ///
    /// # Errors
    /// See [`CommandError`]; nothing is changed then.
    pub async fn note_reload(
        &self,
        command: Command,
        seeds: Vec<Seed>,
        generation: u64,
        mut state: ReloadState,
    ) -> Result<Carried, CommandError> {
        let work = move |tx: &Tx<'_>, _: &Command| {
            let added = products::seed(tx.connection, &seeds, tx.now.0)?;
            if !added.is_empty() {
                tx.note_change();
            }
            let kept = seeds.iter().filter(|seed| !added.contains(&seed.prod_id));
            state.notes.extend(kept.map(|seed| {
                let id = &seed.prod_id;
                format!(
                    "{id} exists and keeps what the database has: name, price, stock and shelf \
                     (units are added by `product stock`)"
                )
            }));
            state.products_added = added;
            let values = |pick: fn(&protocol::ConfigChange) -> &Value| {
                let pairs = state.changed.iter();
                pairs.map(|change| (change.key.clone(), pick(change).clone())).collect::<Value>()
            };
            let before = json!({ "generation": generation, "keys": values(|key| &key.before) });
            let after = json!({ "generation": state.generation, "keys": values(|key| &key.after) });
            Effect::new(before, after, &state)
        };
        self.carry_out(command, work).await
    }
}
