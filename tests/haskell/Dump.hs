-- | What the real Cabal library makes of files: one line for each file that is named on standard
-- input, "PATH\tok\tSECTION\tNAME\tRANGE\tWHEN..." joined, or "PATH\trefused". Used by differential.py.
module Main (main) where

import qualified Data.ByteString as B
import Data.List (intercalate, sort)
import Distribution.PackageDescription
import Distribution.PackageDescription.Parsec (parseGenericPackageDescription, runParseResult)
import Distribution.Pretty (prettyShow)

main :: IO ()
main = getContents >>= mapM_ one . lines

one :: FilePath -> IO ()
one path = do
  bytes <- B.readFile path
  let (_, result) = runParseResult (parseGenericPackageDescription bytes)
  putStrLn $ path ++ "\t" ++ case result of
    Left _ -> "refused"
    Right package -> "ok\t" ++ intercalate "\t" (sort (dump package))

dump :: GenericPackageDescription -> [String]
dump package = concat
  [ maybe [] (map (entry "custom-setup" []) . setupDepends) (setupBuildInfo (packageDescription package))
  , maybe [] (tree "library" . fmap libBuildInfo) (condLibrary package)
  , named "library" libBuildInfo (condSubLibraries package)
  , named "foreign-library" foreignLibBuildInfo (condForeignLibs package)
  , named "executable" buildInfo (condExecutables package)
  , named "test-suite" testBuildInfo (condTestSuites package)
  , named "benchmark" benchmarkBuildInfo (condBenchmarks package)
  ]
  where
    named kind info = concatMap (\(n, t) -> tree (kind ++ " " ++ prettyShow n) (fmap info t))

tree :: String -> CondTree ConfVar c BuildInfo -> [String]
tree label = go []
  where
    go conditions (CondNode info _ branches) =
      map (entry label conditions) (targetBuildDepends info) ++ concatMap (branch conditions) branches
    branch conditions (CondBranch c yes no) =
      go (conditions ++ [show (depth c)]) yes ++ maybe [] (go (conditions ++ ["not " ++ show (depth c)])) no

-- Conditions are compared by how many variables they have: their print is this project's own.
depth :: Condition ConfVar -> Int
depth c = case c of
  Var _ -> 1
  Lit _ -> 0
  CNot a -> depth a
  COr a b -> depth a + depth b
  CAnd a b -> depth a + depth b

entry :: String -> [String] -> Dependency -> String
entry label conditions (Dependency name range libraries) =
  intercalate "|" [label, prettyShow name, prettyShow range, show (length conditions), unwords conditions]
