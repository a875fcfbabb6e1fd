#include "collectives/all_reduce.hpp"

#include "collectives/bandwidth_model.hpp"
#include "collectives/nccl_types.hpp"

namespace rackproof::collectives {

Collective make_all_reduce() {
  Collective all_reduce;
  all_reduce.name = "all_reduce";
  all_reduce.summary = "NCCL all-reduce over every GPU of the communicator";
  all_reduce.size_meaning = "one rank's buffer";
  all_reduce.reduces = true;
  all_reduce.send_elements = [](std::size_t count, int) { return count; };
  all_reduce.receive_elements = [](std::size_t count, int) { return count; };
  all_reduce.count = [](std::size_t bytes, DataType type, int) { return bytes / size_bytes(type); };
  all_reduce.bus_factor = all_reduce_bus_factor;
  all_reduce.switch_wire_factor = all_reduce_switch_wire_factor;
  all_reduce.run = [](const CollectiveCall& call, ncclComm_t communicator, cudaStream_t stream) {
    return ncclAllReduce(call.send, call.receive, call.count, to_nccl(call.type), to_nccl(call.op),
                         communicator, stream);
  };
  all_reduce.expected = [](int, int, std::size_t) {
    return ExpectedOutput{ExpectedOutput::Kind::reduced, 0};
  };
  return all_reduce;
}

}  // namespace rackproof::collectives
