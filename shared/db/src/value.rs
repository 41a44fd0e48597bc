//! The values that statements bind, and the integer that rows give back.

use sqlx::{Decode, Type, error::BoxDynError};

/// A value to bind. Nulls keep their type: PostgreSQL refuses an untyped one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// A 64-bit integer or its null. Booleans are 0 and 1.
    Int(Option<i64>),
    /// A text or its null.
    Text(Option<String>),
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Int(Some(value))
    }
}
impl From<Option<i64>> for Value {
    fn from(value: Option<i64>) -> Self {
        Self::Int(value)
    }
}
impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Int(Some(i64::from(value)))
    }
}
impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::Text(Some(value.to_owned()))
    }
}
impl From<&String> for Value {
    fn from(value: &String) -> Self {
        Self::Text(Some(value.clone()))
    }
}
impl From<String> for Value {
    fn from(value: String) -> Self {
        Self::Text(Some(value))
    }
}
impl From<Option<String>> for Value {
    fn from(value: Option<String>) -> Self {
        Self::Text(value)
    }
}
impl From<Option<&str>> for Value {
    fn from(value: Option<&str>) -> Self {
        Self::Text(value.map(str::to_owned))
    }
}

/// An integer column of any width.
///
/// Moodle's flags are `smallint` on PostgreSQL and `tinyint` on MariaDB, and counts have yet another width; sqlx's `i64`
/// takes only eight bytes there. This one takes every width.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Int(pub i64);

impl Int {
    /// Whether the column holds anything but 0.
    #[must_use]
    pub const fn is_set(self) -> bool {
        self.0 != 0
    }
}

impl From<Int> for i64 {
    fn from(value: Int) -> Self {
        value.0
    }
}

#[cfg(feature = "postgres")]
mod postgres {
    use super::{BoxDynError, Decode, Int, Type};
    use sqlx::{
        Postgres, ValueRef,
        postgres::{PgTypeInfo, PgValueFormat, PgValueRef},
    };

    impl Type<Postgres> for Int {
        fn type_info() -> PgTypeInfo {
            <i64 as Type<Postgres>>::type_info()
        }
        fn compatible(ty: &PgTypeInfo) -> bool {
            <i64 as Type<Postgres>>::compatible(ty)
                || <i32 as Type<Postgres>>::compatible(ty)
                || <i16 as Type<Postgres>>::compatible(ty)
        }
    }

    impl<'r> Decode<'r, Postgres> for Int {
        fn decode(value: PgValueRef<'r>) -> Result<Self, BoxDynError> {
            if value.format() == PgValueFormat::Text {
                return Ok(Self(value.as_str()?.parse()?));
            }
            let bytes = value.as_bytes()?;
            match bytes.len() {
                2 => Ok(Self(i64::from(i16::from_be_bytes(bytes.try_into()?)))),
                4 => Ok(Self(i64::from(i32::from_be_bytes(bytes.try_into()?)))),
                8 => Ok(Self(i64::from_be_bytes(bytes.try_into()?))),
                width => Err(format!("an integer of {width} bytes in a column of {}", value.type_info()).into()),
            }
        }
    }
}

#[cfg(feature = "mysql")]
mod mysql {
    use super::{BoxDynError, Decode, Int, Type};
    use sqlx::{
        MySql,
        mysql::{MySqlTypeInfo, MySqlValueRef},
    };

    impl Type<MySql> for Int {
        fn type_info() -> MySqlTypeInfo {
            <i64 as Type<MySql>>::type_info()
        }
        fn compatible(ty: &MySqlTypeInfo) -> bool {
            <i64 as Type<MySql>>::compatible(ty) || <u64 as Type<MySql>>::compatible(ty)
        }
    }

    impl<'r> Decode<'r, MySql> for Int {
        fn decode(value: MySqlValueRef<'r>) -> Result<Self, BoxDynError> {
            <i64 as Decode<MySql>>::decode(value).map(Self)
        }
    }
}

#[cfg(feature = "sqlite")]
mod sqlite {
    use super::{BoxDynError, Decode, Int, Type};
    use sqlx::{
        Sqlite,
        sqlite::{SqliteTypeInfo, SqliteValueRef},
    };

    impl Type<Sqlite> for Int {
        fn type_info() -> SqliteTypeInfo {
            <i64 as Type<Sqlite>>::type_info()
        }
        fn compatible(ty: &SqliteTypeInfo) -> bool {
            <i64 as Type<Sqlite>>::compatible(ty)
        }
    }

    impl<'r> Decode<'r, Sqlite> for Int {
        fn decode(value: SqliteValueRef<'r>) -> Result<Self, BoxDynError> {
            <i64 as Decode<Sqlite>>::decode(value).map(Self)
        }
    }
}
