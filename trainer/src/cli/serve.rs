//! `serve`.

use std::net::{SocketAddr, TcpListener};

use anyhow::{Context, bail};

use super::device::DeviceName;
use super::{Ending, say};

/// Lend this machine's device to training on another one
///
/// Over plain TCP: for a network whose machines trust each other. There `train --devices flex,ws://TOKEN@HOST:PORT` makes
/// use of it. Ends with Ctrl-C.
#[derive(clap::Args)]
pub(crate) struct Serve {
    /// Which device
    #[arg(long, value_enum, default_value_t)]
    device: DeviceName,
    /// Address to listen on; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:3000")]
    listen: SocketAddr,
    /// Word that others have to know; required where other machines can reach the address
    #[arg(long)]
    token: Option<String>,
}

impl Serve {
    pub(crate) fn run(self) -> anyhow::Result<Ending> {
        if self.token.is_none() && !self.listen.ip().is_loopback() {
            bail!("{} can be reached from other machines: give --token WORD, which they have to know", self.listen);
        }
        if self.token.as_deref().is_some_and(str::is_empty) {
            bail!("--token is empty");
        }
        let device = self.device.open()?;
        let listener = TcpListener::bind(self.listen).with_context(|| format!("cannot listen on {}", self.listen))?;
        let address = listener.local_addr()?;
        say(&format!("{} is lent at ws://{address}", self.device.name()));
        serve(device, listener, self.token)?;
        Ok(Ending::Done)
    }
}

#[cfg(feature = "remote")]
fn serve(device: burn::tensor::Device, listener: TcpListener, token: Option<String>) -> anyhow::Result<()> {
    use burn::tensor::server::{RemoteServer, TokenAuthorizer, WebSocketTransport};
    let server = RemoteServer::new([device]);
    let server = match token {
        Some(token) => server.with_authorizer(TokenAuthorizer::new(token.as_str())?),
        None => server,
    };
    Ok(server.serve(WebSocketTransport::from_listener(listener))?)
}

#[cfg(not(feature = "remote"))]
fn serve(_: burn::tensor::Device, _: TcpListener, _: Option<String>) -> anyhow::Result<()> {
    Err(super::device::NoDevice::NotBuilt { name: "remote" }.into())
}
