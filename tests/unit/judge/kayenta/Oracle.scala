// SPDX-License-Identifier: GPL-3.0-or-later
// Answers the lines of cases.py with Kayenta's own code (Apache-2.0, spinnaker/kayenta at a69573be): put this beside its
// kayenta-judge/{classifiers,detectors,preprocessing/Transforms,scorers/{Base,WeightedSum}*,stats,utils/RandomUtils} and kayenta-mannwhitney,
// with `case class Metric(name, values, label)` and a plain class CanaryAnalysisResult(name, classification, reason, groups, critical) in place of the
// ones that need Spring and Lombok, and commons-math3 and Scala 2.11 or newer.
package oracle
import com.netflix.kayenta.judge.Metric
import com.netflix.kayenta.judge.classifiers.metric._
import com.netflix.kayenta.judge.classifiers.score._
import com.netflix.kayenta.judge.detectors.IQRDetector
import com.netflix.kayenta.judge.preprocessing.Transforms
import com.netflix.kayenta.judge.scorers.WeightedSumScorer
import com.netflix.kayenta.judge.utils.RandomUtils
import com.netflix.kayenta.mannwhitney.MannWhitney
import com.netflix.kayenta.canary.results.CanaryAnalysisResult
import scala.collection.JavaConverters._
import scala.io.Source

object Oracle {
  def nums(s: String): Array[Double] = if (s.isEmpty) Array() else s.split(",").map(v => if (v == "nan") Double.NaN else v.toDouble)
  def clean(m: Metric, nan: String, outliers: String, factor: Double): Metric = {
    val a = if (NaNStrategy.parse(nan) == NaNStrategy.Remove) Transforms.removeNaNs(m) else Transforms.replaceNaNs(m)
    if (OutlierStrategy.parse(outliers) == OutlierStrategy.Remove) Transforms.removeOutliers(a, new IQRDetector(factor, reduceSensitivity = true)) else a
  }
  def metric(f: Array[String]): String = {
    RandomUtils.init(7)
    val e = clean(Metric("m", nums(f(14)), "Canary"), f(9), f(10), f(11).toDouble)
    val c = clean(Metric("m", nums(f(15)), "Baseline"), f(9), f(10), f(11).toDouble)
    val mw = new MannWhitneyClassifier(f(1).toDouble, f(2).toDouble, (f(3).toDouble, f(4).toDouble), (f(5).toDouble, f(6).toDouble), f(7))
    val raw = try { val t = new MannWhitney().mannWhitneyUTest(e.values, c.values, f(2).toDouble); t.confidenceInterval(0) + "|" + t.confidenceInterval(1) + "|" + t.estimate }
      catch { case _: RuntimeException => "||" }
    try {
      val r = mw.classify(c, e, MetricDirection.parse(f(8)), NaNStrategy.parse(f(9)), f(12).toBoolean, f(13).toBoolean)
      r.classification + "|" + r.reason.getOrElse("") + "|" + r.deviation + "|" + r.critical + "|" + raw
    } catch { case x: RuntimeException => "Error|Metric Classification Failed||false|" + raw }
  }
  def score(f: Array[String]): String = {
    val weights = if (f(1).isEmpty) Map[String, Double]() else f(1).split(",").map(p => { val kv = p.split("="); kv(0) -> kv(1).toDouble }).toMap
    val results = f(2).split(";").filter(_.nonEmpty).map(r => { val p = r.split(":"); new CanaryAnalysisResult(p(0), p(1), "why " + p(0), p(3).split("\\+").toList.asJava, p(2).toBoolean) }).toList
    val s = new WeightedSumScorer(weights).score(results)
    val label = new ThresholdScoreClassifier(95, 75).classify(s)
    s.summaryScore + "|" + label.classification + "|" + label.reason.getOrElse("") + "|" + s.groupScores.get.map(g => g.name + "=" + g.score).sorted.mkString(",")
  }
  def main(args: Array[String]): Unit = for (line <- Source.fromFile(args(0)).getLines) {
    val f = line.split("\\|", -1)
    println(if (f(0) == "M") metric(f) else score(f))
  }
}
