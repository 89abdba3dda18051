//! Small values that belong to the database itself: its name, the key of the order ids, and what
//! other parts keep over a restart under names of their own.

use protocol::EpochMs;
use rusqlite::{Connection, OptionalExtension};

use crate::Store;
use crate::engine::error::{ReadError, WriteError};

const STORE_ID: &str = "store_id";
const ORDER_ID_KEY: &str = "order_id_key";
/// In a copy alone: of which moment it is.
const MOMENT: &str = "copied_at";

/// What is made once per database.
#[derive(Clone)]
pub(crate) struct Identity {
    /// A random UUID.
    pub(crate) store_id: String,
    /// 32 random bytes.
    pub(crate) order_id_key: [u8; 32],
}

impl Store {
    /// A value kept under `key`.
    ///
    /// # Errors
    /// The database can't be read.
    pub(crate) async fn meta(&self, key: &str) -> Result<Option<Vec<u8>>, ReadError> {
        let key = key.to_owned();
        self.read(move |connection| get(connection, &key)).await
    }

    /// Keeps a value under `key`, in place of the one before.
    ///
    /// # Errors
    /// See [`WriteError`].
    pub(crate) async fn set_meta(&self, key: &str, value: Vec<u8>) -> Result<(), WriteError> {
        let key = key.to_owned();
        self.writer().write_once(1, move |tx| Ok(set(tx.connection, &key, &value)?)).await
    }
}

/// The database's identity, made now when it has none. `None`: what is stored is no such thing.
pub(crate) fn identity(connection: &Connection) -> rusqlite::Result<Option<Identity>> {
    if get(connection, STORE_ID)?.is_none() {
        name(connection)?;
    }
    if get(connection, ORDER_ID_KEY)?.is_none() {
        set(connection, ORDER_ID_KEY, &random::<32>()?)?;
    }
    let store_id = get(connection, STORE_ID)?.and_then(|bytes| String::from_utf8(bytes).ok());
    let key = get(connection, ORDER_ID_KEY)?.and_then(|bytes| bytes.try_into().ok());
    Ok(store_id.zip(key).map(|(store_id, order_id_key)| Identity { store_id, order_id_key }))
}

/// The name of a database of ours, of whatever schema; `None` where it has none yet.
pub(crate) fn store_id(connection: &Connection) -> rusqlite::Result<Option<String>> {
    let has_meta = "SELECT COUNT(*) FROM sqlite_schema WHERE name = 'seckill_meta'";
    if connection.query_row(has_meta, [], |row| row.get::<_, i64>(0))? == 0 {
        return Ok(None);
    }
    Ok(get(connection, STORE_ID)?.and_then(|bytes| String::from_utf8(bytes).ok()))
}

/// Gives the database a name that none has had.
fn name(connection: &Connection) -> rusqlite::Result<()> {
    let id = uuid::Builder::from_random_bytes(random()?).into_uuid();
    set(connection, STORE_ID, id.to_string().as_bytes())
}

/// Writes into a copy of which moment it is.
pub(crate) fn set_moment(connection: &Connection, moment: EpochMs) -> rusqlite::Result<()> {
    set(connection, MOMENT, &moment.0.to_be_bytes())
}

/// Turns a copy into a database of its own: its decisions go on differently from here, so for a
/// gateway that follows them it is another database. The key of the order ids stays, and so does
/// every id that a buyer knows. Returns the copy's moment.
pub(crate) fn begin_anew(connection: &Connection) -> rusqlite::Result<Option<EpochMs>> {
    let moment = get(connection, MOMENT)?.and_then(|bytes| bytes.try_into().ok());
    name(connection)?;
    connection.execute("DELETE FROM seckill_meta WHERE key = ?1", [MOMENT])?;
    Ok(moment.map(|bytes| EpochMs(i64::from_be_bytes(bytes))))
}

fn random<const N: usize>() -> rusqlite::Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)
        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.to_string().into()))?;
    Ok(bytes)
}

fn get(connection: &Connection, key: &str) -> rusqlite::Result<Option<Vec<u8>>> {
    connection
        .prepare_cached("SELECT value FROM seckill_meta WHERE key = ?1")?
        .query_row([key], |row| row.get(0))
        .optional()
}

fn set(connection: &Connection, key: &str, value: &[u8]) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO seckill_meta (key, value) VALUES (?1, ?2)
             ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        )?
        .execute((key, value))
        .map(|_| ())
}
