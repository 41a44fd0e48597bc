//! The same histories on the databases that schools have.

use kinlink_db::Engine;

use crate::seeds::keep_every_promise;

#[tokio::test]
async fn histories_on_mariadb_keep_every_promise() {
    keep_every_promise(Engine::MySql, 0..20).await;
}

#[tokio::test]
async fn more_histories_on_mariadb_keep_every_promise() {
    keep_every_promise(Engine::MySql, 20..40).await;
}

#[tokio::test]
async fn histories_on_postgresql_keep_every_promise() {
    keep_every_promise(Engine::Postgres, 0..20).await;
}

#[tokio::test]
async fn more_histories_on_postgresql_keep_every_promise() {
    keep_every_promise(Engine::Postgres, 20..40).await;
}
