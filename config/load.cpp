// The only file that includes yaml-cpp. A Reader walks the document against the table of keys and
// keeps going after each problem, so that all are reported together; it remembers where each key
// was set, so that the cross-field checks can point there too.
#include "config/load.hpp"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <map>
#include <set>
#include <sstream>
#include <string_view>

#include "config/keys.hpp"
#include "config/nearest.hpp"
#include "config/small_file.hpp"
#include "config/validate.hpp"
#include "config/variables.hpp"
#include "config/yaml_text.hpp"

namespace pillion::config {
namespace {

constexpr std::size_t kLargestFile = 1UL << 20;
constexpr std::size_t kLargestPassword = 64UL << 10;

std::string quoted(std::string_view text) {
  return "'" + std::string(text) + "'";
}

// A key nobody knows may be half of a misplaced value, such as an URL with its password; only plain
// words are repeated.
std::string named(std::string_view key) {
  constexpr std::string_view kLetters =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-[]<";
  return key.find_first_not_of(kLetters) == std::string_view::npos ? " " + quoted(key) : "";
}

std::string suggestion(std::string_view name, const std::vector<std::string_view>& candidates) {
  const auto near = nearest(name, candidates);
  return near.empty() ? "" : "; did you mean " + quoted(near) + "?";
}

std::string_view section_of(std::string_view path) {
  const auto dot = path.find('.');
  return dot == std::string_view::npos ? std::string_view() : path.substr(0, dot);
}

// Every key and every section.
const std::vector<std::string_view>& known_names() {
  static const auto kNames = [] {
    std::vector<std::string_view> names;
    for (const auto& key : keys()) {
      const auto section = section_of(key.path);
      if (!section.empty() && (names.empty() || section_of(names.back()) != section)) {
        names.push_back(section);
      }
      names.push_back(key.path);
    }
    return names;
  }();
  return kNames;
}

bool is_dotted(std::string_view name) {
  return name.find('.') != std::string_view::npos;
}

bool is_section(std::string_view name) {
  for (const auto& key : keys()) {
    if (!name.empty() && section_of(key.path) == name) return true;
  }
  return false;
}

// Only counts documents: the second one ends the counting.
class DocumentCounter : public YAML::EventHandler {
 public:
  void OnDocumentStart(const YAML::Mark& mark) override { start_ = mark; }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark&, YAML::anchor_t) override {}
  void OnAlias(const YAML::Mark&, YAML::anchor_t) override {}
  void OnScalar(const YAML::Mark&, const std::string&, YAML::anchor_t,
                const std::string&) override {}
  void OnSequenceStart(const YAML::Mark&, const std::string&, YAML::anchor_t,
                       YAML::EmitterStyle::value) override {}
  void OnSequenceEnd() override {}
  void OnMapStart(const YAML::Mark&, const std::string&, YAML::anchor_t,
                  YAML::EmitterStyle::value) override {}
  void OnMapEnd() override {}

  const YAML::Mark& start() const { return start_; }

 private:
  YAML::Mark start_;
};

// Where a second document begins, if one does. YAML::LoadAll would tell too, but it never returns
// when the parser takes a stray character for one empty document after another.
std::optional<YAML::Mark> second_document(const std::string& text) {
  std::istringstream in(text);
  YAML::Parser parser(in);
  DocumentCounter counter;
  if (!parser.HandleNextDocument(counter) || !parser.HandleNextDocument(counter)) {
    return std::nullopt;
  }
  return counter.start();
}

class Reader {
 public:
  void read_file_at(const std::string& path) {
    auto file = read_small_file(path, kLargestFile);
    if (!file.trouble.empty()) {
      problem(path, "the configuration file " + file.trouble);
      return;
    }
    read_document(file.text, path);
  }

  void read_document(const std::string& text, const std::string& name) {
    document_ = name;
    each_document(text, [&](const YAML::Node& root) { read_root(root); });
  }

  void read_environment(const std::vector<std::pair<std::string, std::string>>& environment) {
    for (const auto& [name, value] : environment) {
      if (name.rfind(kVariablePrefix, 0) != 0 || name == kFileVariable) continue;
      const auto where = "environment " + name;
      if (const auto* key = key_of_variable(name)) {
        set_text(*key, value, where);
      } else if (!made_by_kubernetes(name, value)) {
        const auto near = nearest_variable(name);
        problem(where,
                "no such setting" + (near.empty() ? "" : "; did you mean " + quoted(near) + "?"));
      }
    }
  }

  void read_settings(const std::vector<Setting>& settings) {
    for (const auto& setting : settings) {
      if (const auto* key = find_key(setting.path)) {
        set_text(*key, setting.value, setting.origin);
      } else if (is_section(setting.path)) {
        problem(setting.origin, quoted(setting.path) + " is a section; set one of its keys");
      } else {
        problem(setting.origin,
                "no such key" + named(setting.path) + suggestion(setting.path, known_names()));
      }
    }
  }

  void read_password_files() {
    auto& upstream = loaded_.config.upstream;
    read_password_file("upstream.password_file", upstream.password_file, upstream.password);
    read_password_file("upstream.sentinel_password_file", upstream.sentinel_password_file,
                       upstream.sentinel_password);
  }

  // A key that was refused still holds its default: what is said about combinations with it would
  // be noise.
  void check_combinations() {
    for (auto& finding : validate(loaded_.config)) {
      bool refused = false;
      for (const auto path : finding.keys) refused = refused || refused_.count(path) != 0;
      if (!refused) problem(origin_of(finding.keys), std::move(finding.message));
    }
  }

  Loaded take() { return std::move(loaded_); }

 private:
  void problem(std::string where, std::string message) {
    loaded_.problems.push_back({std::move(where), std::move(message)});
  }

  void read_password_file(std::string_view key, const std::string& path, std::string& password) {
    if (path.empty()) return;
    auto file = read_small_file(path, kLargestPassword);
    auto& text = file.text;
    if (!text.empty() && text.back() == '\n') text.pop_back();
    if (!text.empty() && text.back() == '\r') text.pop_back();
    if (file.trouble.empty() && text.empty()) file.trouble = "holds no password";
    if (!file.trouble.empty()) {
      problem(origin_of({key}), std::string(key) + ": " + quoted(path) + " " + file.trouble);
      return;
    }
    password = std::move(text);
  }

  // yaml-cpp throws on malformed text and on nesting over its own limit; both end here.
  template <class Visit>
  void each_document(const std::string& text, Visit visit) {
    if (const auto offset = find_foreign_byte(text)) {
      problem(at_offset(text, *offset), "not valid YAML: not UTF-8 text");
      return;
    }
    try {
      if (const auto mark = second_document(text)) {
        problem(at(*mark), "a second YAML document begins here; there may be one only");
      }
      visit(YAML::Load(text));
    } catch (const YAML::Exception& error) {
      // After a colon yaml-cpp repeats a piece of the file, which may be of a password.
      problem(at(error.mark), "not valid YAML: " + error.msg.substr(0, error.msg.find(':')));
    } catch (const std::exception&) {
      problem(at(YAML::Mark::null_mark()), "cannot be read as YAML");
    }
  }

  // In a document: file:line:column. In a value from a flag or variable: that value's origin.
  std::string at(const YAML::Mark& mark) const {
    if (!origin_.empty()) return origin_;
    if (mark.is_null()) return document_;
    return document_ + ":" + std::to_string(mark.line + 1) + ":" + std::to_string(mark.column + 1);
  }
  std::string at_offset(std::string_view text, std::size_t offset) const {
    const auto before = text.substr(0, offset);
    const auto line_start = before.rfind('\n') + 1;  // npos + 1 is 0
    auto mark = YAML::Mark();
    mark.line = static_cast<int>(std::count(before.begin(), before.end(), '\n'));
    mark.column = static_cast<int>(offset - line_start);
    return at(mark);
  }
  std::string at(const YAML::Node& node) const { return at(node.Mark()); }

  // Where the first of these keys that the operator wrote was written.
  std::string origin_of(const std::vector<std::string_view>& paths) const {
    for (const auto path : paths) {
      const auto found = origins_.find(path);
      if (found != origins_.end()) return found->second;
    }
    return "default";
  }

  void set_text(const Key& key, const std::string& text, const std::string& where) {
    if (std::holds_alternative<Rules>(key.kind)) {
      origin_ = where;
      each_document(text, [&](const YAML::Node& node) { set_node(key, node); });
      origin_.clear();
      return;
    }
    if (auto complaint = set_value(key, loaded_.config, text)) {
      refuse(key, where, *complaint);
    } else {
      origins_[key.path] = where;
    }
  }

  void refuse(const Key& key, std::string where, const std::string& complaint) {
    refused_.insert(key.path);
    problem(std::move(where), std::string(key.path) + ": " + complaint);
  }

  void read_root(const YAML::Node& root) {
    if (root.IsNull()) return;
    if (!root.IsMap()) {
      problem(at(root), "the file must be a map of keys, as in 'workers: auto'");
      return;
    }
    read_map(root, "");
  }

  void read_map(const YAML::Node& map, std::string_view section) {
    std::map<std::string, int> first_lines;
    for (const auto& pair : map) {
      const auto name = name_of(pair.first);
      if (!name) continue;
      const auto path = section.empty() ? *name : std::string(section) + "." + *name;
      if (!first_time(first_lines, pair.first, path)) continue;
      const auto& value = pair.second;
      const auto* key = is_dotted(*name) ? nullptr : find_key(path);
      if (key != nullptr) {
        set_node(*key, value);
      } else if (section.empty() && is_section(path)) {
        if (value.IsMap()) {
          read_map(value, path);
        } else if (!value.IsNull()) {  // a section whose keys are all commented out
          problem(at(value), path + " is a section: its keys go below it, indented");
        }
      } else if (find_key(*name) != nullptr) {
        problem(at(pair.first), quoted(*name) + " must be written as " +
                                    std::string(section_of(*name)) + ": with " +
                                    name->substr(name->find('.') + 1) + ": below it, indented");
      } else {
        problem(at(pair.first), "unknown key" + named(path) + suggestion(path, known_names()));
      }
    }
  }

  std::optional<std::string> name_of(const YAML::Node& node) {
    if (node.IsScalar()) return node.Scalar();
    problem(at(node), "a key must be a plain word");
    return std::nullopt;
  }

  bool first_time(std::map<std::string, int>& lines, const YAML::Node& node,
                  const std::string& path) {
    const auto [first, inserted] = lines.emplace(path, node.Mark().line + 1);
    if (inserted) return true;
    problem(at(node), "key" + named(path) + " is given twice" +
                          (origin_.empty() ? ", first in line " + std::to_string(first->second)
                                           : std::string()));
    return false;
  }

  // The text of a scalar; anything else is refused.
  std::optional<std::string> scalar_of(const YAML::Node& node, std::string_view path) {
    const auto refuse_kind = [&](std::string_view why) {
      problem(at(node), std::string(path) + ": " + std::string(why));
      return std::nullopt;
    };
    if (node.IsNull()) return refuse_kind("has no value; write \"\" for empty text");
    if (node.IsMap()) return refuse_kind("takes one value, not a map");
    if (node.IsSequence()) return refuse_kind("takes one value, not a list");
    // "?" plain, "!" quoted; "!include x" must not silently become the text "x".
    if (node.Tag().size() > 1 && node.Tag().rfind("tag:yaml.org,", 0) != 0) {
      return refuse_kind("a YAML tag (!...) means nothing here; quote the value");
    }
    return node.Scalar();
  }

  void set_node(const Key& key, const YAML::Node& node) {
    if (const auto* rules = std::get_if<Rules>(&key.kind)) {
      read_rules(key, *rules, node);
      return;
    }
    const auto text = scalar_of(node, key.path);
    if (!text) {
      refused_.insert(key.path);
    } else {
      set_text(key, *text, at(node));
    }
  }

  void read_rules(const Key& key, const Rules& kind, const YAML::Node& node) {
    if (!node.IsSequence()) {
      refuse(key, at(node), "must be a list, as in [{match: 'session:*', cache: false}]");
      return;
    }
    if (node.size() > kind.most) {
      refuse(key, at(node), "has more than " + std::to_string(kind.most) + " rules");
      return;
    }
    const auto known_problems = loaded_.problems.size();
    std::vector<CacheRule> rules;
    for (const auto& element : node) {
      rules.push_back(
          read_rule(element, std::string(key.path) + "[" + std::to_string(rules.size()) + "]"));
    }
    if (loaded_.problems.size() != known_problems) {
      refused_.insert(key.path);
      return;
    }
    kind.place.of(loaded_.config) = std::move(rules);
    origins_[key.path] = at(node);
  }

  CacheRule read_rule(const YAML::Node& node, const std::string& name) {
    CacheRule rule;
    if (!node.IsMap()) {
      problem(at(node), name + ": must be a map, as in {match: 'session:*', cache: false}");
      return rule;
    }
    std::vector<std::string_view> names;
    for (const auto& field : rule_keys()) names.push_back(field.name);
    std::map<std::string, int> first_lines;
    bool matches = false;
    for (const auto& pair : node) {
      const auto word = name_of(pair.first);
      if (!word || !first_time(first_lines, pair.first, name + "." + *word)) continue;
      const RuleKey* field = nullptr;
      for (const auto& candidate : rule_keys()) {
        if (candidate.name == *word) field = &candidate;
      }
      if (field == nullptr) {
        problem(at(pair.first), name + ": unknown key" + named(*word) + suggestion(*word, names));
        continue;
      }
      matches = matches || field->name == "match";
      const auto path = name + "." + *word;
      const auto text = scalar_of(pair.second, path);
      if (!text) continue;
      if (auto complaint = field->set(rule, *text))
        problem(at(pair.second), path + ": " + *complaint);
    }
    if (!matches) problem(at(node), name + ": has no match; '*' matches every key");
    return rule;
  }

  Loaded loaded_;
  std::string document_;  // name of the file being read
  std::string origin_;    // instead of a position, while a flag's or variable's YAML is read
  std::map<std::string_view, std::string>
      origins_;  // by key path (static storage): where it was set
  std::set<std::string_view> refused_;
};

}  // namespace

Loaded load(const Sources& sources) {
  Reader reader;
  auto file = sources.file;
  for (const auto& [name, value] : sources.environment) {
    if (name == kFileVariable && !file && !value.empty()) file = value;
  }
  if (file) reader.read_file_at(*file);
  reader.read_environment(sources.environment);
  reader.read_settings(sources.settings);
  reader.read_password_files();
  reader.check_combinations();
  return reader.take();
}

Loaded load_text(std::string_view text, const std::string& name) {
  Reader reader;
  reader.read_document(std::string(text), name);
  reader.read_password_files();
  reader.check_combinations();
  return reader.take();
}

std::string print_problems(const std::vector<Problem>& problems) {
  std::string out;
  for (const auto& problem : problems) out += problem.where + ": " + problem.message + "\n";
  return out;
}

}  // namespace pillion::config
