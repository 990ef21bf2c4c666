-- | What the real Cabal library makes of files: one JSON object a line for each file that is named
-- on standard input, as guard's readers make of them.
module Main (main) where

import qualified Data.ByteString as B
import Data.Char (ord)
import Data.Foldable (toList)
import Data.List (intercalate)
import Distribution.PackageDescription
import Distribution.PackageDescription.Parsec (parseGenericPackageDescription, runParseResult)
import Distribution.Parsec (PError (..))
import Distribution.Parsec.Position (Position (..))
import Distribution.Pretty (prettyShow)
import Distribution.Types.VersionInterval
import Distribution.Version (VersionRange, versionNumbers)
import System.IO (hSetEncoding, stdin, stdout, utf8)

main :: IO ()
main = do
  hSetEncoding stdin utf8
  hSetEncoding stdout utf8
  getContents >>= mapM_ one . lines

one :: FilePath -> IO ()
one path = do
  bytes <- B.readFile path
  let (_, result) = runParseResult (parseGenericPackageDescription bytes)
  putStrLn $ object $ ("path", text path) : case result of
    Left (_, errors) -> [("refused", list [refusal e | e <- toList errors])]
    Right package -> described package

refusal :: PError -> String
refusal (PError (Position row _) message) = list [show row, text message]

described :: GenericPackageDescription -> [(String, String)]
described generic =
  [ ("package", text (prettyShow (pkgName identifier)))
  , ("version", text (prettyShow (pkgVersion identifier)))
  , ("requirements", list (setups ++ concatMap (required targetBuildDepends dependency) parts))
  , ("tools", list (concatMap (required buildToolDepends tool) parts))
  ]
  where
    identifier = package (packageDescription generic)
    setups =
      [ list [text "custom-setup", dependency d, list []]
      | info <- toList (setupBuildInfo (packageDescription generic)), d <- setupDepends info ]
    parts = components generic
    required field shown (label, tree) =
      [ list [text label, shown d, list conditions]
      | (conditions, info) <- branches [] tree, d <- field info ]

components :: GenericPackageDescription -> [(String, CondTree ConfVar () BuildInfo)]
components package = concat
  [ [("library", plain libBuildInfo t) | t <- toList (condLibrary package)]
  , named "library" libBuildInfo (condSubLibraries package)
  , named "foreign-library" foreignLibBuildInfo (condForeignLibs package)
  , named "executable" buildInfo (condExecutables package)
  , named "test-suite" testBuildInfo (condTestSuites package)
  , named "benchmark" benchmarkBuildInfo (condBenchmarks package)
  ]
  where
    named kind info trees = [(kind ++ " " ++ unUnqualComponentName n, plain info t) | (n, t) <- trees]
    plain info = mapTreeConstrs (const ()) . mapTreeData info

-- | What a component says, and under which conditions, from the outside in.
branches :: [String] -> CondTree ConfVar () BuildInfo -> [([String], BuildInfo)]
branches conditions (CondNode info _ inner) = (conditions, info) : concatMap branch inner
  where
    branch (CondBranch c yes no) =
      branches (conditions ++ [text shown]) yes
        ++ maybe [] (branches (conditions ++ [object [("not", text shown)]])) no
      where shown = condition 0 c

-- | In the fewest parentheses; a chain of one operator needs none.
condition :: Int -> Condition ConfVar -> String
condition level c = case c of
  Lit True -> "true"
  Lit False -> "false"
  Var (OS os) -> "os(" ++ prettyShow os ++ ")"
  Var (Arch arch) -> "arch(" ++ prettyShow arch ++ ")"
  Var (PackageFlag flag) -> "flag(" ++ unFlagName flag ++ ")"
  Var (Impl compiler range) -> "impl(" ++ prettyShow compiler ++ " " ++ intervals range ++ ")"
  CNot a -> "!" ++ condition 2 a
  COr a b -> within 0 (condition 0 a ++ " || " ++ condition 0 b)
  CAnd a b -> within 1 (condition 1 a ++ " && " ++ condition 1 b)
  where within own shown = if own < level then "(" ++ shown ++ ")" else shown

dependency :: Dependency -> String
dependency (Dependency name range libraries) =
  list [text (prettyShow name), intervals range, list (if named == [own] then [] else named)]
  where
    own = text (prettyShow name)
    named = map (maybe own (text . prettyShow) . libraryNameString) (toList libraries)

tool :: ExeDependency -> String
tool (ExeDependency name _ range) = list [text (prettyShow name), intervals range, list []]

-- | As guard's own: [lower, inclusive, null | [upper, inclusive]].
intervals :: VersionRange -> String
intervals range = list (map interval (asVersionIntervals range))
  where
    interval (VersionInterval (LowerBound low lowBound) up) =
      list [list (map show (versionNumbers low)), bool lowBound, upper up]
    upper NoUpperBound = "null"
    upper (UpperBound high bound) = list [list (map show (versionNumbers high)), bool bound]
    bool bound = if bound == InclusiveBound then "true" else "false"

object :: [(String, String)] -> String
object fields = "{" ++ intercalate ", " [text k ++ ": " ++ v | (k, v) <- fields] ++ "}"

list :: [String] -> String
list values = "[" ++ intercalate ", " values ++ "]"

text :: String -> String
text value = "\"" ++ concatMap escaped value ++ "\""
  where
    escaped c
      | c `elem` "\"\\" = ['\\', c]
      | ord c < 32 = "\\u00" ++ [hex (ord c `div` 16), hex (ord c `mod` 16)]
      | otherwise = [c]
    hex n = "0123456789abcdef" !! n
