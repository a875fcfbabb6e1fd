#include "emulator/exec/lane_support.hpp"

#define RACKPROOF_STRINGIFY_(x) #x
#define RACKPROOF_STRINGIFY(x) RACKPROOF_STRINGIFY_(x)

namespace rackproof::emulator::exec::RACKPROOF_LANES {

const LaneOps kTable = {
    .name = RACKPROOF_STRINGIFY(RACKPROOF_LANES),
    .integer = integer_handler,
    .bits = bit_handler,
    .floating = float_handler,
    .half = half_handler,
    .setp = setp_handler,
    .set = set_handler,
    .testp = testp_handler,
    .convert = convert_handler,
    .addresses = compute_addresses,
    .pattern = address_pattern,
    .summarise = summarise_addresses,
    .words_to_rows = words_to_rows,
    .rows_to_words = rows_to_words,
    .load_rows = load_rows,
    .broadcast = broadcast,
    .store_rows = store_rows,
    .load_narrow = load_narrow,
    .store_narrow = store_narrow,
    .wavefronts = count_wavefronts,
    .shuffle = shuffle_values,
};

}  // namespace rackproof::emulator::exec::RACKPROOF_LANES
