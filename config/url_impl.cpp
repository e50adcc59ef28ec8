// Boost.URL, compiled once and from its headers: Debian's shared library is not needed.
#include <boost/url/src.hpp>
