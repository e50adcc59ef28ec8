// COMMAND's reply -> the commands our own table does not know. Pure.
#pragma once

#include "proxy/control/topology/hiredis_reply.hpp"
#include "proxy/state/learned_commands.hpp"

namespace pillion::control {

/// Names are upper-cased. What cannot be read (another shape, a later version's) is left out: a
/// command that is not learnt is treated with more care, never with less. Nothing from an error.
state::LearnedCommands learned_commands(const ReplyView& command_reply);

}  // namespace pillion::control
