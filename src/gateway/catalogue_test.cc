#include "gateway/catalogue.h"

#include "gateway/gateway_test_support.h"

namespace mcpgate::gateway {
namespace {

std::vector<std::string> names(const Catalogue& catalogue) {
  std::vector<std::string> names;
  for (const Tool* tool : catalogue.tools()) {
    names.push_back(tool->name);
  }
  return names;
}
using Names = std::vector<std::string>;

TEST(CatalogueTest, KeepsSetsAsConfiguredAndToolsAsDeclared) {
  const Catalogue catalogue({compile_tools({.name = "secret"}, secret_manifest()), nullptr,
                             compile_tools({.name = "demo"}, demo_manifest())});
  EXPECT_EQ(names(catalogue), (Names{"launch", "read", "write"}));
  const Tool* read = catalogue.find("read");
  ASSERT_NE(read, nullptr);
  EXPECT_TRUE(read->read_only);
  EXPECT_TRUE(read->output);
  EXPECT_EQ(read->tool_set, "demo");
  EXPECT_EQ(catalogue.find("Read"), nullptr);
  EXPECT_EQ(catalogue.instance_of("demo"), FakeSandbox::kInstance);
  EXPECT_EQ(catalogue.instance_of("other"), "");
}

TEST(CatalogueTest, APrefixRenamesForClientsOnly) {
  const Catalogue catalogue({compile_tools({.name = "demo", .prefix = "d_"}, demo_manifest())});
  const Tool* read = catalogue.find("d_read");
  ASSERT_NE(read, nullptr);
  EXPECT_EQ(read->own_name, "read");
  EXPECT_EQ(read->action().tool, "read");
  EXPECT_EQ(member(read->modern_definition, "name"), "d_read");
  EXPECT_EQ(member(read->legacy_definition, "name"), "d_read");
  EXPECT_EQ(member(read->modern_definition, "description"), "Reads.");
  EXPECT_EQ(catalogue.find("read"), nullptr);
}

TEST(CatalogueTest, OnlyTheToolsThatAreNamed) {
  const Catalogue catalogue(
      {compile_tools({.name = "demo", .only = Names{"write", "absent"}}, demo_manifest())});
  EXPECT_EQ(names(catalogue), Names{"write"});
}

// Which of two tools a name means must never depend on which sandbox answered first.
TEST(CatalogueTest, ASetWithATakenNameIsWithheldWhole) {
  sandbox::Manifest other = demo_manifest("other");
  other.tools[0] = secret_manifest().tools[0];
  const Catalogue catalogue(
      {compile_tools({.name = "demo"}, demo_manifest()), compile_tools({.name = "other"}, other)});
  EXPECT_EQ(names(catalogue), (Names{"read", "write"}));
  EXPECT_EQ(catalogue.find("write")->tool_set, "demo");
  EXPECT_EQ(catalogue.find("launch"), nullptr);
}

// Its sets did not name it: they keep what is their own.
TEST(CatalogueTest, OfASecondCodeToolOnlyThatIsWithheld) {
  sandbox::Manifest first = secret_manifest();
  sandbox::Manifest second = demo_manifest();
  for (sandbox::Manifest* manifest : {&first, &second}) {
    manifest->tools.push_back(manifest->tools.front());
    manifest->tools.back().name = sandbox::kExecuteCode;
  }
  const Catalogue catalogue({compile_tools({.name = "secret", .code_mode = true}, first),
                             compile_tools({.name = "demo", .code_mode = true}, second)});
  EXPECT_EQ(names(catalogue), (Names{"launch", "execute_code", "read", "write"}));
  EXPECT_EQ(catalogue.find("execute_code")->tool_set, "secret");
  const Catalogue without({compile_tools({.name = "secret"}, first)});
  EXPECT_EQ(names(without), Names{"launch"});
}

TEST(CatalogueTest, AToolThatCannotBeCheckedOrCalledIsWithheld) {
  sandbox::Manifest manifest = demo_manifest();
  manifest.tools.push_back(manifest_tool(
      R"({"name":"broken","inputSchema":{"type":"object","properties":{"a":{"type":"nothing"}}}})"));
  const std::string prefix(sandbox::kToolNameBytesMax - 4, 'p');
  EXPECT_EQ(names(Catalogue({compile_tools({.name = "demo"}, manifest)})),
            (Names{"read", "write"}));
  EXPECT_EQ(names(Catalogue({compile_tools({.name = "demo", .prefix = prefix}, manifest)})),
            Names{prefix + "read"});
  EXPECT_EQ(names(Catalogue({compile_tools({.name = "demo", .prefix = "no blank "}, manifest)})),
            Names{});
}

TEST(CatalogueTest, LegacyClientsSeeOutputSchemasOfObjectsOnly) {
  sandbox::Manifest manifest = demo_manifest();
  manifest.tools = {manifest_tool(R"({"name":"list","inputSchema":{"type":"object"},)"
                                  R"("outputSchema":{"type":"array"}})")};
  const Catalogue catalogue({compile_tools({.name = "demo"}, manifest)});
  const Tool* list = catalogue.find("list");
  ASSERT_NE(list, nullptr);
  EXPECT_EQ(member(list->modern_definition, "outputSchema.type"), "array");
  EXPECT_EQ(member(list->legacy_definition, "outputSchema"), "");
  EXPECT_TRUE(list->output);  // Checked for every client.
}

}  // namespace
}  // namespace mcpgate::gateway
