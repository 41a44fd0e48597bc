//! The smallest Lambda function: answers every request with the same text. `bench-lambda` compares Kinlink's functions with it.

use lambda_http::{Error, Request, service_fn};

async fn hello(_request: Request) -> Result<&'static str, Error> {
    Ok("hello")
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    lambda_http::run(service_fn(hello)).await
}
