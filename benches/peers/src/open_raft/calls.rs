//! Nodes of one process call each other: nothing is serialised, nothing is lost.

use super::Types;
use openraft::error::{InstallSnapshotError, RPCError, RaftError, RemoteError};
use openraft::network::{RPCOption, RaftNetwork, RaftNetworkFactory};
use openraft::raft::{
    AppendEntriesRequest, AppendEntriesResponse, InstallSnapshotRequest, InstallSnapshotResponse,
    VoteRequest, VoteResponse,
};
use openraft::{EmptyNode, Raft};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

/// Who is where.
pub(super) type Addresses = Rc<RefCell<BTreeMap<u64, Raft<Types>>>>;

type Failed<E> = RPCError<u64, EmptyNode, E>;

/// Makes connections.
pub(super) struct Calls(Addresses);

/// A connection to one node.
pub(super) struct Connection {
    target: u64,
    addresses: Addresses,
}

impl Calls {
    pub(super) fn new(addresses: Addresses) -> Self {
        Self(addresses)
    }
}

impl RaftNetworkFactory<Types> for Calls {
    type Network = Connection;

    async fn new_client(&mut self, target: u64, _node: &EmptyNode) -> Connection {
        Connection { target, addresses: self.0.clone() }
    }
}

impl Connection {
    fn node(&self) -> Raft<Types> {
        self.addresses.borrow()[&self.target].clone()
    }

    fn failed<E: std::error::Error>(&self, error: E) -> Failed<E> {
        RPCError::RemoteError(RemoteError::new(self.target, error))
    }
}

impl RaftNetwork<Types> for Connection {
    async fn append_entries(
        &mut self,
        request: AppendEntriesRequest<Types>,
        _option: RPCOption,
    ) -> Result<AppendEntriesResponse<u64>, Failed<RaftError<u64>>> {
        self.node().append_entries(request).await.map_err(|error| self.failed(error))
    }

    async fn install_snapshot(
        &mut self,
        request: InstallSnapshotRequest<Types>,
        _option: RPCOption,
    ) -> Result<InstallSnapshotResponse<u64>, Failed<RaftError<u64, InstallSnapshotError>>> {
        self.node().install_snapshot(request).await.map_err(|error| self.failed(error))
    }

    async fn vote(
        &mut self,
        request: VoteRequest<u64>,
        _option: RPCOption,
    ) -> Result<VoteResponse<u64>, Failed<RaftError<u64>>> {
        self.node().vote(request).await.map_err(|error| self.failed(error))
    }
}
