//! The ports' contracts, over databases in files.

use std::sync::Arc;
use std::sync::atomic::AtomicI64;

use domain::ports::Sale;
use domain::ports::contract;

use super::Fixture;

#[tokio::test]
async fn the_sale_is_kept_as_its_port_demands() {
    contract::sale::holds(async |seeds| {
        let (folder, time) = (tempfile::tempdir().unwrap(), Arc::new(AtomicI64::new(1_000_000)));
        let fixture = Fixture::open_with(folder, time, &seeds);
        (Arc::new(fixture.store.clone()) as Arc<dyn Sale>, fixture)
    })
    .await;
}
