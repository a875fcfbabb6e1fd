#include "emulator/exec/lane_support.hpp"

#define RACKPROOF_STRINGIFY_(x) #x
#define RACKPROOF_STRINGIFY(x) RACKPROOF_STRINGIFY_(x)

namespace rackproof::emulator::exec::RACKPROOF_LANES {

const LaneOps kTable = {RACKPROOF_STRINGIFY(RACKPROOF_LANES),
                        integer_handler,
                        bit_handler,
                        float_handler,
                        half_handler,
                        setp_handler,
                        set_handler,
                        testp_handler,
                        convert_handler};

}  // namespace rackproof::emulator::exec::RACKPROOF_LANES
