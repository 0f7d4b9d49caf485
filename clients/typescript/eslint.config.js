import js from "@eslint/js";
import { defineConfig, globalIgnores } from "eslint/config";
import ts from "typescript-eslint";

/** What tsc does not see, as in web/: promises that nobody awaits. Layout is Prettier's. */
export default defineConfig(globalIgnores(["dist", "src/schema.ts"]), js.configs.recommended, {
  files: ["**/*.ts"],
  extends: [ts.configs.recommendedTypeChecked],
  languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
  rules: {
    "@typescript-eslint/no-unused-vars": ["error", { argsIgnorePattern: "^_", varsIgnorePattern: "^_" }],
    "@typescript-eslint/consistent-type-imports": "error",
  },
});
