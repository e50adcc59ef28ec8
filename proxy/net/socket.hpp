// The one socket type of the house: TCP and UNIX sockets alike.
#pragma once

#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/system/error_code.hpp>

namespace pillion::net {

using Socket = boost::asio::generic::stream_protocol::socket;
using SocketEndpoint = boost::asio::generic::stream_protocol::endpoint;
using ErrorCode = boost::system::error_code;

}  // namespace pillion::net
