//! Ids and phone numbers out of columns of text, without a `String` in between.

use rusqlite::Row;
use rusqlite::types::{FromSql, FromSqlResult, ValueRef};

/// What is made of a column's text.
struct OfText<T>(T);

impl<T: for<'a> From<&'a str>> FromSql for OfText<T> {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        value.as_str().map(|text| Self(T::from(text)))
    }
}

/// The value of a column that holds a text.
pub(crate) fn of_text<T>(row: &Row<'_>, at: usize) -> rusqlite::Result<T>
where
    T: for<'a> From<&'a str>,
{
    row.get::<_, OfText<T>>(at).map(|value| value.0)
}

/// The value of a column that holds a text or nothing.
pub(crate) fn of_text_or_null<T>(row: &Row<'_>, at: usize) -> rusqlite::Result<Option<T>>
where
    T: for<'a> From<&'a str>,
{
    Ok(row.get::<_, Option<OfText<T>>>(at)?.map(|value| value.0))
}
