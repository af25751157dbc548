package dev.tenon.training.data;

import static dev.tenon.training.data.DataFolder.cell;
import static dev.tenon.training.data.DataFolder.row;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tenon.engine.TenonException;
import dev.tenon.training.image.ExifOrientation;
import dev.tenon.training.image.Image;
import dev.tenon.training.image.ImageDecoder;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.zip.GZIPOutputStream;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import us.hebi.matlab.mat.format.Mat5;
import us.hebi.matlab.mat.types.Struct;

class DataSourceTest {
  @TempDir Path root;
  private DataFolder folder;

  @BeforeEach
  void setUp() {
    folder = new DataFolder(root);
  }

  @Test
  void foldersOfClassesInBothOrders() {
    folder.images("train/1/a.ppm", "train/2/b.ppm", "train/10/c10.ppm", "train/10/c9.PPM", "test/10/d.ppm");
    folder.text("train/10/notes.txt", "not an image").images("train/.hidden/x.ppm");

    TaskData natural = new FolderSource(root, ClassOrder.NATURAL).load("t");
    TaskData lexicographic = new FolderSource(root, ClassOrder.LEXICOGRAPHIC).load("t");

    assertThat(natural.classes()).containsExactly("1", "2", "10");
    assertThat(lexicographic.classes()).containsExactly("1", "10", "2");
    assertThat(listed(natural.train())).containsExactly("a.ppm 0", "b.ppm 1", "c9.PPM 2", "c10.ppm 2");
    assertThat(listed(natural.test())).containsExactly("d.ppm 2");
  }

  @Test
  void aFolderNamedValServesAsTest() {
    folder.images("train/x/a.ppm", "val/x/b.ppm");

    assertThat(listed(new FolderSource(root, ClassOrder.NATURAL).load("t").test())).containsExactly("b.ppm 0");
  }

  @Test
  void tasksAreFoundBelowTheRoot() {
    folder.images("task10/train/x/a.ppm", "task2/train/x/a.ppm", "other/x/a.ppm");

    assertThat(FolderSource.tasksBelow(root)).containsExactly("task2", "task10");
    assertRefused(() -> FolderSource.tasksBelow(root.resolve("other")), "no task found");
  }

  @Test
  void whatIsWrongWithAFolderIsNamed() throws IOException {
    var source = new FolderSource(root, ClassOrder.NATURAL);
    assertRefused(() -> new FolderSource(root.resolve("gone"), ClassOrder.NATURAL).load("t"), "gone: no such folder");
    assertRefused(() -> source.load("t"), "train: no such folder");
    Files.createDirectories(root.resolve("train"));
    assertRefused(() -> source.load("t"), "test: no such folder");
    Files.createDirectories(root.resolve("test"));
    assertRefused(() -> source.load("t"), "no class folders");
    folder.images("train/x/a.ppm", "test/x/a.ppm", "test/y/b.ppm");
    assertRefused(() -> source.load("t"), "class 'y' has test images but no training images");
    Files.createDirectories(root.resolve("train/y"));
    assertRefused(() -> source.load("t"), "y: no images in this class folder");
  }

  @Test
  void cub() {
    cubFiles();

    TaskData task = new CubSource(root).load("cub");

    assertThat(task.classes()).containsExactly("001.Black_footed_Albatross", "002.Laysan_Albatross");
    assertThat(listed(task.train())).containsExactly("a.ppm 0", "c.ppm 1");
    assertThat(listed(task.test())).containsExactly("b.ppm 0", "d.ppm 1");
  }

  @Test
  void whatIsWrongWithListFilesIsNamed() throws IOException {
    cubFiles();
    var source = new CubSource(root);
    Files.delete(root.resolve("CUB_200_2011/images/001.B/b.ppm"));
    assertRefused(() -> source.load("cub"), "b.ppm: no such image, though images.txt lists it");
    cubFiles().text("CUB_200_2011/train_test_split.txt", "1 1", "2 0", "3 1");
    assertRefused(() -> source.load("cub"), "train_test_split.txt: there is no line for '4'");
    cubFiles().text("CUB_200_2011/image_class_labels.txt", "1 1", "2 1", "3 7", "4 2");
    assertRefused(() -> source.load("cub"), "class '7'");
    cubFiles().text("CUB_200_2011/train_test_split.txt", "1 1", "2 0", "3 0", "4 0");
    assertRefused(() -> source.load("cub"), "class '002.Laysan_Albatross' has test images but no training");
    cubFiles().text("CUB_200_2011/train_test_split.txt", "1 1", "2 1", "3 1", "4 1");
    assertRefused(() -> source.load("cub"), "no test images");
    cubFiles().text("CUB_200_2011/images.txt", "oneword");
    assertRefused(() -> source.load("cub"), "the line 'oneword' has one word");
    Files.delete(root.resolve("CUB_200_2011/classes.txt"));
    assertRefused(() -> source.load("cub"), "classes.txt: no such file");
  }

  private DataFolder cubFiles() {
    String cub = "CUB_200_2011/";
    return folder
        .text(cub + "classes.txt", "1 001.Black_footed_Albatross", "2 002.Laysan_Albatross")
        .text(cub + "images.txt", "1 001.B/a.ppm", "2 001.B/b.ppm", "3 002.L/c.ppm", "4 002.L/d.ppm")
        .text(cub + "image_class_labels.txt", "1 1", "2 1", "3 2", "4 2")
        .text(cub + "train_test_split.txt", "1 1", "2 0", "3 1", "4 0")
        .images(cub + "images/001.B/a.ppm", cub + "images/001.B/b.ppm")
        .images(cub + "images/002.L/c.ppm", cub + "images/002.L/d.ppm");
  }

  @Test
  void nabirdsCloseTheGapsBetweenTheirClassNumbers() {
    folder
        .text("classes.txt", "0 Birds", "295 Snow Goose (White)", "817 Emu", "1010 Ibis")
        .text("images.txt", "u-1 0295/a.ppm", "u-2 1010/b.ppm", "u-3 1010/c.ppm", "u-4 0295/d.ppm")
        .text("image_class_labels.txt", "u-1 295", "u-2 1010", "u-3 1010", "u-4 295")
        .text("train_test_split.txt", "u-1 1", "u-2 1", "u-3 0", "u-4 0")
        .images("images/0295/a.ppm", "images/1010/b.ppm", "images/1010/c.ppm", "images/0295/d.ppm");

    TaskData task = new NabirdsSource(root).load("birds");

    assertThat(task.classes()).containsExactly("Snow Goose (White)", "Ibis");
    assertThat(listed(task.train())).containsExactly("a.ppm 0", "b.ppm 1");
    assertThat(listed(task.test())).containsExactly("c.ppm 1", "d.ppm 0");
  }

  @Test
  void carsOfTheDevkit() {
    Struct train = Mat5.newStruct(1, 2);
    car(train, 0, 2, "fname", "00001.jpg");
    car(train, 1, 1, "fname", "00002.jpg");
    Struct test = Mat5.newStruct(1, 1);
    car(test, 0, 2, "fname", "00001.jpg");
    folder
        .mat("devkit/cars_meta.mat", "class_names", cell("AM General Hummer SUV 2000", "Acura RL Sedan 2012"))
        .mat("devkit/cars_train_annos.mat", "annotations", train)
        .mat("cars_test_annos_withlabels.mat", "annotations", test)
        .images("cars_train/00001.jpg", "cars_train/00002.jpg", "cars_test/00001.jpg");

    TaskData task = new CarsSource(root).load("cars");

    assertThat(task.classes()).containsExactly("AM General Hummer SUV 2000", "Acura RL Sedan 2012");
    assertThat(listed(task.train())).containsExactly("00001.jpg 1", "00002.jpg 0");
    assertThat(task.test().getFirst().image().name()).endsWith("cars_test/00001.jpg");
  }

  @Test
  void carsInOneFile() {
    Struct all = Mat5.newStruct(1, 3);
    car(all, 0, 1, "relative_im_path", "car_ims/000001.jpg").set("test", 0, Mat5.newLogicalScalar(false));
    car(all, 1, 2, "relative_im_path", "car_ims/000002.jpg").set("test", 1, Mat5.newLogicalScalar(false));
    car(all, 2, 2, "relative_im_path", "car_ims/000003.jpg").set("test", 2, Mat5.newLogicalScalar(true));
    folder
        .mat("cars_annos.mat", "annotations", all, "class_names", cell("A", "B"))
        .images("car_ims/000001.jpg", "car_ims/000002.jpg", "car_ims/000003.jpg");

    TaskData task = new CarsSource(root).load("cars");

    assertThat(listed(task.train())).containsExactly("000001.jpg 0", "000002.jpg 1");
    assertThat(listed(task.test())).containsExactly("000003.jpg 1");
  }

  @Test
  void carsInJsonAndTheirValidationSetIsTraining() {
    folder
        .text("train.json", "{\"cars_train/a.jpg\": 5}")
        .text("val.json", "{\"cars_train/b.jpg\": 12}")
        .text("test.json", "{\"cars_test/c.jpg\": 12}")
        .images("cars_train/a.jpg", "cars_train/b.jpg", "cars_test/c.jpg");

    TaskData task = new CarsSource(root).load("cars");

    assertThat(listed(task.train())).containsExactly("a.jpg 0", "b.jpg 1");
    assertThat(listed(task.test())).containsExactly("c.jpg 1");
    folder.text("train.json", "[1, 2]");
    assertRefused(() -> new CarsSource(root).load("cars"), "train.json: should be a JSON object");
  }

  private static Struct car(Struct annotations, int index, int label, String key, String file) {
    return annotations
        .set("bbox_x1", index, Mat5.newScalar(1))
        .set("class", index, row(label))
        .set(key, index, Mat5.newString(file));
  }

  @Test
  void aircraftVariantsMayHaveSpaces() {
    folder
        .text("data/variants.txt", "707-320", "Cessna 172", "F-16A/B")
        .text("data/images_variant_trainval.txt", "0000001 Cessna 172", "0000002 707-320", "0000003 F-16A/B")
        .text("data/images_variant_test.txt", "0000004 F-16A/B")
        .images("data/images/0000001.jpg", "data/images/0000002.jpg")
        .images("data/images/0000003.jpg", "data/images/0000004.jpg");

    TaskData task = new AircraftSource(root).load("aircraft");

    assertThat(task.classes()).containsExactly("707-320", "Cessna 172", "F-16A/B");
    assertThat(listed(task.train())).containsExactly("0000001.jpg 1", "0000002.jpg 0", "0000003.jpg 2");
    assertThat(listed(task.test())).containsExactly("0000004.jpg 2");
  }

  @Test
  void flowersTrainOnTrainingAndValidation() {
    flowers(4);

    TaskData task = new FlowersSource(root).load("flowers");

    assertThat(task.classes()).containsExactly("1", "2");
    assertThat(listed(task.train())).containsExactly("image_00002.jpg 0", "image_00001.jpg 1");
    assertThat(listed(task.test())).containsExactly("image_00004.jpg 1", "image_00003.jpg 0");
    flowers(5);
    assertRefused(() -> new FlowersSource(root).load("flowers"), "tstid names image 5");
    folder.text("setid.mat", "not a MATLAB file");
    assertRefused(() -> new FlowersSource(root).load("flowers"), "setid.mat: not a readable MATLAB 5 file");
    folder.mat("setid.mat", "trnid", row(1));
    assertRefused(() -> new FlowersSource(root).load("flowers"), "setid.mat: has no variable 'valid'");
  }

  private void flowers(int last) {
    folder
        .mat("imagelabels.mat", "labels", row(2, 1, 1, 2))
        .mat("setid.mat", "trnid", row(2), "valid", row(1), "tstid", row(last, 3))
        .images("jpg/image_00001.jpg", "jpg/image_00002.jpg", "jpg/image_00003.jpg", "jpg/image_00004.jpg");
  }

  @Test
  void dogsAreNamedAfterTheirFolders() {
    folder
        .mat("train_list.mat", "file_list", cell("n01-Chihuahua/a.jpg", "n02-Toy-Poodle/b.jpg"), "labels", row(1, 2))
        .mat("test_list.mat", "file_list", cell("n02-Toy-Poodle/c.jpg"), "labels", row(2))
        .images("Images/n01-Chihuahua/a.jpg", "Images/n02-Toy-Poodle/b.jpg", "Images/n02-Toy-Poodle/c.jpg");

    TaskData task = new DogsSource(root).load("dogs");

    assertThat(task.classes()).containsExactly("Chihuahua", "Toy-Poodle");
    assertThat(listed(task.train())).containsExactly("a.jpg 0", "b.jpg 1");
    assertThat(listed(task.test())).containsExactly("c.jpg 1");
  }

  @Test
  void vtabListsMayLackClassesInTraining() {
    folder
        .text("train800val200.txt", "images/train800/0.ppm 1", "images/val 200/1.ppm 0")
        .text("test.txt", "images/test/0.ppm 3")
        .images("images/train800/0.ppm", "images/val 200/1.ppm", "images/test/0.ppm");

    TaskData task = new VtabSource(root).load("eurosat");

    assertThat(task.classes()).hasSize(4);
    assertThat(listed(task.train())).containsExactly("0.ppm 1", "1.ppm 0");
    folder.text("test.txt", "images/test/0.ppm -1");
    assertRefused(() -> new VtabSource(root).load("eurosat"), "label -1, outside 0 to 1");
    folder.text("test.txt", "images/test/0.ppm one");
    assertRefused(() -> new VtabSource(root).load("eurosat"), "'one' stands for 'images/test/0.ppm'");
  }

  @Test
  void petsAndTextures() {
    folder
        .text("annotations/trainval.txt", "#Image CLASS-ID", "Abyssinian_100 1 1 1", "great_dane_7 2 2 1")
        .text("annotations/test.txt", "great_dane_8 2 2 1")
        .images("images/Abyssinian_100.jpg", "images/great_dane_7.jpg", "images/great_dane_8.jpg")
        .text("labels/train1.txt", "zigzagged/z.jpg")
        .text("labels/val1.txt", "banded/b.jpg")
        .text("labels/test1.txt", "banded/c.jpg")
        .images("images/zigzagged/z.jpg", "images/banded/b.jpg", "images/banded/c.jpg");

    TaskData pets = new PetsSource(root).load("pets");
    TaskData textures = new DtdSource(root).load("dtd");

    assertThat(pets.classes()).containsExactly("Abyssinian", "great_dane");
    assertThat(listed(pets.test())).containsExactly("great_dane_8.jpg 1");
    assertThat(textures.classes()).containsExactly("banded", "zigzagged");
    assertThat(listed(textures.train())).containsExactly("z.jpg 1", "b.jpg 0");
  }

  @Test
  void idxFilesPlainAndGzipped() throws IOException {
    idx("train-images-idx3-ubyte.gz", 0x803, 2, new int[] {1, 2}, 10, 20, 30, 40);
    idx("train-labels-idx1-ubyte", 0x801, 2, new int[0], 1, 0);
    idx("t10k-images-idx3-ubyte", 0x803, 1, new int[] {1, 2}, 50, 60);
    idx("t10k-labels-idx1-ubyte.gz", 0x801, 1, new int[0], 1);

    TaskData task = new IdxSource(root).load("digits");

    assertThat(task.classes()).containsExactly("0", "1");
    assertThat(task.train()).extracting(Sample::label).containsExactly(1, 0);
    Image second = task.train().get(1).image().load(new ImageDecoder(ExifOrientation.APPLY));
    assertThat(second).isEqualTo(new Image(2, 1, new byte[] {30, 30, 30, 40, 40, 40}));
    idx("train-labels-idx1-ubyte", 0x801, 1, new int[0], 1);
    assertRefused(() -> new IdxSource(root).load("digits"), "holds 1 labels for the 2 images");
    idx("train-labels-idx1-ubyte", 0x801, 2, new int[0], 1);
    assertRefused(() -> new IdxSource(root).load("digits"), "truncated");
    idx("train-images-idx3-ubyte.gz", 0x803, Integer.MAX_VALUE, new int[] {99999, 99999}, 1);
    assertRefused(() -> new IdxSource(root).load("digits"), "claims");
    folder.text("train-images-idx3-ubyte.gz", "nothing zipped");
    assertRefused(() -> new IdxSource(root).load("digits"), "not a readable idx file");
  }

  private void idx(String name, int magic, int count, int[] shape, int... values) throws IOException {
    var buffer = ByteBuffer.allocate(8 + 4 * shape.length + values.length).putInt(magic).putInt(count);
    for (int side : shape) {
      buffer.putInt(side);
    }
    for (int value : values) {
      buffer.put((byte) value);
    }
    byte[] content = buffer.array();
    if (name.endsWith(".gz")) {
      var zipped = new ByteArrayOutputStream();
      try (var out = new GZIPOutputStream(zipped)) {
        out.write(content);
      }
      content = zipped.toByteArray();
    }
    folder.bytes(name, content);
  }

  /** File names with their labels. */
  private static List<String> listed(List<Sample> samples) {
    return samples.stream()
        .map(sample -> sample.image().name().replaceFirst(".*/", "") + " " + sample.label())
        .toList();
  }

  private static void assertRefused(ThrowingCallable loading, String reason) {
    assertThatThrownBy(loading).isInstanceOf(TenonException.class).hasMessageContaining(reason);
  }
}
